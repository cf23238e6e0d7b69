"""Style exposures of one session, cleaned as the Barra-type model cleans them.

Each descriptor is clipped at three robust deviations, then shifted to a cap-weighted mean of zero and
scaled to an equal-weighted standard deviation of one. Residual volatility is made orthogonal to beta
and size, liquidity to size, and the cube of size to size, with weights sqrt(cap). Statistics come from
the listed stocks.
"""

from __future__ import annotations

import numpy as np

from market.simulation.shocks import STYLES

Array = np.ndarray

_WIDTH = 3 * 1.4826  # robust deviations at which a descriptor is clipped
_ROW = {name: k for k, name in enumerate(STYLES)}
_DIRECT = [k for name, k in _ROW.items() if name != "nonlinear_size"]


def style_exposures(descriptors: Array, cap: Array, listed: Array) -> Array:
    """Return exposures ``[S, N]`` from raw descriptors ``[S, N]`` in the order of ``STYLES``.

    The row ``nonlinear_size`` of the descriptors is not read: it follows from size.
    """
    rows = np.flatnonzero(listed)
    weight = cap[rows] / cap[rows].sum()
    exposures = np.empty_like(descriptors)
    exposures[_DIRECT] = _scaled(_clipped(descriptors[_DIRECT], rows), weight, rows)
    size, beta = exposures[_ROW["size"]], exposures[_ROW["beta"]]
    root = np.sqrt(weight)
    volatility, liquidity = _ROW["residual_volatility"], _ROW["liquidity"]
    exposures[volatility] = _orthogonal(exposures[volatility], (beta, size), root, rows)
    exposures[liquidity] = _orthogonal(exposures[liquidity], (size,), root, rows)
    again = [volatility, liquidity]
    exposures[again] = _scaled(exposures[again], weight, rows)
    cube = _orthogonal(size**3, (size,), root, rows)[None]
    exposures[_ROW["nonlinear_size"]] = _scaled(_clipped(cube, rows), weight, rows)[0]
    return exposures


def _clipped(values: Array, rows: Array) -> Array:
    known = values[:, rows]
    middle = np.median(known, axis=1, keepdims=True)
    reach = _WIDTH * np.median(np.abs(known - middle), axis=1, keepdims=True)
    return np.clip(values, middle - reach, middle + reach)


def _scaled(values: Array, weight: Array, rows: Array) -> Array:
    known = values[:, rows]
    return (values - (known @ weight)[:, None]) / known.std(axis=1, keepdims=True)


def _orthogonal(values: Array, targets: tuple[Array, ...], weight: Array, rows: Array) -> Array:
    """Residual of the weighted regression on a constant and ``targets``, for every stock."""
    basis = np.stack([np.ones_like(values), *targets])
    known = basis[:, rows] * weight
    slopes = np.linalg.solve(known @ basis[:, rows].T, known @ values[rows])
    return values - slopes @ basis
