"""The cells of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product


def combinations(limits: Mapping[str, Sequence[float | None]]) -> list[dict[str, float | None]]:
    """Return every combination of the values, the last name varying fastest.

    Raises
    ------
    ValueError
        There is nothing to vary, or a name has no value or one twice.

    Examples
    --------
    >>> combinations({"turnover": [0.1, 0.2], "bounds": [None]})
    [{'turnover': 0.1, 'bounds': None}, {'turnover': 0.2, 'bounds': None}]
    """
    if not limits:
        raise ValueError(
            "there is nothing to sweep; give values by name, such as turnover=[0.1, 0.2]"
        )
    for name, values in limits.items():
        if len(values) == 0 or len(set(values)) < len(values):
            raise ValueError(f"{name} has values {list(values)}; give one or more, each once")
    return [dict(zip(limits, cell, strict=True)) for cell in product(*limits.values())]
