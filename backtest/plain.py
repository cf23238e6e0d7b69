"""Any value as numbers, text, lists and mappings: what a json file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_LONG = 64  # entries of a configured collection beyond which only its size is recorded

_SCALAR = bool | int | float | str | np.generic | pd.Timestamp | Path


def plain(value: Any) -> Any:
    """Return ``value`` in json-able form: Series become mappings, arrays lists, dates ISO text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, pd.Series):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, pd.DataFrame):
        return {str(key): plain(column) for key, column in value.items()}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | pd.Index | list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    return str(value)


def description(value: Any, depth: int = 6) -> Any:
    """Return what configures ``value``: its type and settings, with data reduced to their size.

    Policies carry limits, which must be recorded, and scores or covariances, which must not.
    """
    if isinstance(value, type):
        return value.__name__
    kind = type(value).__name__
    if value is None or isinstance(value, _SCALAR):
        return plain(value)
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index | np.ndarray):
        return f"{kind} {' x '.join(map(str, value.shape))}"
    if depth == 0:
        return kind
    if isinstance(value, Mapping) and len(value) <= _LONG:
        return {str(key): description(entry, depth - 1) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and len(value) <= _LONG:
        return [description(entry, depth - 1) for entry in value]
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return f"{kind} of {len(value)}"
    if is_dataclass(value):
        settings = {f.name: description(getattr(value, f.name), depth - 1) for f in fields(value)}
        return {"type": kind, **settings}
    if is_dataclass(getattr(value, "config", None)):
        return {"type": kind, "config": description(value.config, depth - 1)}
    return getattr(value, "__qualname__", kind)
