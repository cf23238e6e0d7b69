"""Sixteen digits for what a thing is made from, so that results of another thing are not taken for its own."""

from __future__ import annotations

import hashlib
import inspect
import pickle
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

_SCALAR = bool | int | float | complex | str | bytes | Path | pd.Timestamp | pd.Timedelta


def identity(value: Any) -> str:
    """Return 16 hexadecimal digits of the content of ``value``, equal in every process.

    Arrays and tables count by their numbers and labels, dataclasses by their fields, functions by their
    code and what they close over, other objects by what their constructor was given (attributes of the
    same names) or else by all attributes, and whatever has a method ``fingerprint`` by that. What a
    function reads from the module around it does not count.
    """
    digest = hashlib.sha256()
    for part in _parts(value, ()):
        digest.update(part)
    return digest.hexdigest()[:16]


def _parts(value: Any, path: tuple[int, ...]) -> Iterator[bytes | memoryview]:
    """Yield the content of a value piece by piece; ``path`` are the objects it was reached through."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, _SCALAR):
        yield f"{type(value).__name__} {value!r};".encode()
    elif isinstance(value, np.ndarray | pd.Index | pd.Series | pd.DataFrame):
        yield from _table(value, path)
    elif id(value) in path:
        yield b"itself;"
    else:
        yield f"{type(value).__module__}.{type(value).__qualname__}(".encode()
        for part in _inside(value):
            yield from _parts(part, (*path, id(value)))
        yield b")"


def _table(value: Any, path: tuple[int, ...]) -> Iterator[bytes | memoryview]:
    if isinstance(value, pd.DataFrame):
        yield from _table(value.index, path)
        yield from _table(value.columns, path)
        one = len(set(value.dtypes)) == 1
        blocks = [value.to_numpy()] if one else [value[name] for name in value.columns]
        for block in blocks:
            yield from _table(block, path)
        return
    if isinstance(value, pd.Series):
        yield from _table(value.index, path)
    array = np.asarray(value)
    if array.dtype.kind == "M":
        array = array.astype("datetime64[ns]")  # the unit is a matter of storage
    yield f"{array.dtype.kind} {array.dtype.itemsize} {array.shape};".encode()
    if array.dtype == object:
        for entry in array.ravel().tolist():
            yield from _parts(entry, path)
    else:
        yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _inside(value: Any) -> Iterable[Any]:
    """Return what a value is made from."""
    if callable(getattr(value, "fingerprint", None)) and not isinstance(value, type):
        return [value.fingerprint()]
    if isinstance(value, Mapping):
        return [entry for pair in sorted(value.items(), key=repr) for entry in pair]
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, set | frozenset):
        return sorted(map(identity, value))
    if isinstance(value, type | ModuleType | BuiltinFunctionType):
        return [getattr(value, "__module__", ""), value.__name__]
    if isinstance(value, FunctionType | MethodType | CodeType | partial):
        return _code(value)
    return _settings(value)


def _code(value: Any) -> list[Any]:
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, CodeType):
        return [value.co_code, value.co_consts, value.co_names]
    closed = [cell.cell_contents for cell in value.__closure__ or ()]
    return [value.__qualname__, value.__code__, value.__defaults__, value.__kwdefaults__, closed]


def _settings(value: Any) -> list[Any]:
    if is_dataclass(value):
        return [(f.name, getattr(value, f.name)) for f in fields(value)]
    attributes = getattr(value, "__dict__", None)
    if attributes is None:
        return [pickle.dumps(value, protocol=4)]
    given = [name for name in inspect.signature(type(value)).parameters if name in attributes]
    known = len(given) == len(inspect.signature(type(value)).parameters)
    names = given if given and known else sorted(attributes)
    return [(name, attributes[name]) for name in names]
