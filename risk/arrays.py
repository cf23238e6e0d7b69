"""Names that say what an array holds. Floats are float64 unless a docstring says otherwise."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Floats = NDArray[Any]
Bools = NDArray[Any]
Codes = NDArray[Any]  # integers: positions, counts, categories
