"""Settings as plain values that can be compared, read by eye, and turned into the objects again."""

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from alpha.features import FeatureSet


def plain(value: Any) -> Any:
    """JSON values of a setting.

    A dataclass becomes its fields under ``"class"``, a function its name under ``"function"`` (a
    formula, and a function of the user, its source too, as a sum that changes with it). Arrays become a sum of their bytes: they can be
    compared and not read back.

    Raises
    ------
    TypeError
        A value is none of these.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | pd.Index | pd.DataFrame):
        return {"sha256": _sum(value)}
    if isinstance(value, FeatureSet):
        formulas = {k: v if isinstance(v, str) else _formula(v) for k, v in value.formulas.items()}
        # the names again as a list: settings are compared without regard to the order of keys
        order = {"formulas": formulas, "names": list(formulas)}
        return {"class": _name(FeatureSet), "name": value.name, **order}
    if is_dataclass(value) and not isinstance(value, type):
        content = {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.init}
        return {"class": _name(type(value)), **content}
    if inspect.isfunction(value):
        # our own functions go by their name: a comment in them makes no other run of it
        ours = value.__module__.startswith("alpha.")
        return {"function": _name(value)} if ours else _formula(value)
    raise TypeError(
        f"{value!r} cannot be written to config.json; write recipes and splits as frozen dataclasses "
        "of plain values"
    )


def restored(value: Any) -> Any:
    """Turn what :func:`plain` wrote into the objects again; lists come back as tuples.

    Raises
    ------
    ValueError
        A class or function cannot be imported, or there were arrays.
    """
    if isinstance(value, list):
        return tuple(restored(v) for v in value)
    if not isinstance(value, dict):
        return value
    if "sha256" in value:
        raise ValueError("arrays are compared by their sum and not kept; give them again")
    if "function" in value:
        return _imported(value["function"])
    content = {k: restored(v) for k, v in value.items() if k != "class"}
    if "class" not in value:
        return content
    kind = _imported(value["class"])
    if kind is FeatureSet:
        del content["names"]
    return kind(**content)


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings by dotted names, so that the one that differs can be named."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found


def _name(what: Any) -> str:
    return f"{what.__module__}:{what.__qualname__}"


def _imported(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"settings: {name} cannot be imported ({error}); import the module that defines it, or "
            "define it again, and read the folder then"
        ) from None
    return found


def _formula(function: Any) -> dict[str, str]:
    source = inspect.getsource(function).encode()
    return {"function": _name(function), "source": hashlib.sha256(source).hexdigest()[:16]}


def _sum(values: Any) -> str:
    """16 hexadecimal digits over the bytes, a row at a time: the array may be on disk."""
    digest = hashlib.sha256()
    if isinstance(values, pd.DataFrame):
        digest.update(f"{_sum(values.index)}{_sum(values.columns)}".encode())
    array = np.asanyarray(values)
    if array.dtype == object:
        array = array.astype(str)
    digest.update(f"{array.shape}{array.dtype}".encode())
    for row in np.atleast_2d(array):
        digest.update(np.ascontiguousarray(row).tobytes())
    return digest.hexdigest()[:16]
