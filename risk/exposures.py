"""From raw descriptors to style exposures on one date: clean, combine, fill, orthogonalise.

What is missing is never made up by a constant. A stock that lacks a descriptor takes the mean of those it
has; a style known for too little of the universe is absent that day. It is not dropped for the whole
sample when it is absent too often: how often it will be is known only at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from risk.arrays import Bools, Codes, Floats
from risk.cleaning import drop_errors, fill, orthogonalize, standardize, winsorize
from risk.descriptors import DESCRIPTORS
from risk.styles import StyleSpec

COVERAGE = 0.6  # share of the universe, by sqrt(cap), below which a style is absent that day


@dataclass(frozen=True, eq=False)
class Cross:
    """The stocks of one date: market value ``[n]``, industry code ``[n]``, universe ``[n]``."""

    cap: Floats
    industry: Codes
    estu: Bools


@dataclass(frozen=True, eq=False)
class _Ordered:
    """The same with the universe first: ``estu`` is the slice of its stocks."""

    cap: Floats
    industry: Codes
    estu: slice


@dataclass(frozen=True, eq=False)
class StyleExposures:
    """Style exposures of one date.

    ``values`` ``[n, S]``: an absent style is NaN in its whole column, all others hold no NaN.
    ``filled`` ``[S]`` counts exposures predicted from industry and size; ``errors`` the descriptor
    values blanked as errors.
    """

    values: Floats
    filled: Codes
    errors: int


def style_exposures(
    raw: Mapping[str, Floats], cross: Cross, specs: Sequence[StyleSpec]
) -> StyleExposures:
    """Build the styles of one date.

    Cleaning order: data errors, clip at 3 MAD, standardise, combine with the weights of the descriptors
    that a stock has, standardise, fill by industry and size, orthogonalise, standardise.

    Parameters
    ----------
    raw
        Descriptor name to values ``[n]``; those the data do not allow are not there. ``LNCAP`` is, for
        gaps are filled by industry and size.
    cross
        Stocks of the date.
    specs
        Styles in an order in which each refers only to earlier ones.

    Returns
    -------
    StyleExposures
        Present columns have cap-weighted mean 0 and equal-weighted deviation 1 over the universe.
    """
    # the universe first, so that its part of an array is a view
    order = np.concatenate([np.flatnonzero(cross.estu), np.flatnonzero(~cross.estu)])
    inside = slice(0, int(np.count_nonzero(cross.estu)))
    stocks = _Ordered(cross.cap[order], cross.industry[order], inside)
    tidy, errors = _clean({name: x[order] for name, x in raw.items()}, stocks)
    z = _combine(specs, tidy, len(order))
    z[_coverage(z, stocks) < COVERAGE] = np.nan
    z = standardize(z, stocks.cap, inside)
    filled = _fill_gaps(z, tidy["LNCAP"], stocks)
    z = standardize(z, stocks.cap, inside)
    place = {spec.name: k for k, spec in enumerate(specs)}
    for k, spec in enumerate(specs):
        if spec.cube_of is not None:
            z[k] = z[place[spec.cube_of]] ** 3
        targets = [z[place[name]] for name in spec.orthogonal_to]
        z[k] = _orthogonal(z[k], [x for x in targets if _present(x)], spec, stocks)
    values = np.empty((len(order), len(specs)))
    values[order] = z.T
    return StyleExposures(values, filled, errors)


def _clean(raw: Mapping[str, Floats], cross: _Ordered) -> tuple[dict[str, Floats], int]:
    """Clean all descriptors at once; count the values blanked as errors."""
    given = np.array(list(raw.values()))  # [descriptors, n]
    kept = drop_errors(given, cross.estu)
    errors = int(np.sum(np.isfinite(given)) - np.sum(np.isfinite(kept)))
    clean = standardize(winsorize(kept, cross.estu), cross.cap, cross.estu)
    tidy = dict(zip(raw, clean, strict=True))
    for name in tidy:
        if name in DESCRIPTORS and DESCRIPTORS[name].net_of_size:
            tidy[name] = _net_of(tidy["LNCAP"], tidy[name], cross)
    return tidy, errors


def _net_of(size: Floats, x: Floats, cross: _Ordered) -> Floats:
    """Take size out of a descriptor, over the stocks that have both."""
    both = np.isfinite(x) & np.isfinite(size)
    universe = np.zeros(len(x), dtype=bool)
    universe[cross.estu] = True
    left = np.full(len(x), np.nan)
    if (both & universe).any():
        left[both] = orthogonalize(x[both], size[both, None], cross.cap[both], universe[both])
    return left


def _combine(specs: Sequence[StyleSpec], tidy: Mapping[str, Floats], stocks: int) -> Floats:
    """Weigh for each style the descriptors that a stock has ``[S, n]``; NaN where it has none."""
    table = np.array(list(tidy.values()))
    share = _shares(tuple(specs), tuple(tidy))
    known = np.isfinite(table)
    weight = share @ known.astype(np.float64)
    total = share @ np.where(known, table, 0.0)
    return np.divide(total, weight, out=np.full((len(specs), stocks), np.nan), where=weight > 0.0)


@lru_cache(maxsize=8)
def _shares(specs: tuple[StyleSpec, ...], names: tuple[str, ...]) -> Floats:
    """Weights of the descriptors in each style ``[S, descriptors]``."""
    share = [[spec.descriptors.get(name, 0.0) for name in names] for spec in specs]
    return np.array(share).reshape(len(specs), len(names))


def _coverage(x: Floats, cross: _Ordered) -> Floats:
    """Share of the universe with a value, by square root of market value, for each row of ``x``."""
    weight = np.sqrt(cross.cap[cross.estu])
    return np.isfinite(x[:, cross.estu]) @ weight / np.sum(weight)


def _present(x: Floats) -> bool:
    """A style is there for every stock or for none."""
    return bool(np.isfinite(x[0]))


def _fill_gaps(z: Floats, size: Floats, cross: _Ordered) -> Codes:
    """Fill the styles present by industry and size; count. An unknown size is its industry's."""
    there = np.isfinite(z).any(axis=1)
    gaps = np.where(there, np.isnan(z).sum(axis=1), 0)
    size = fill(size, np.zeros(len(size)), cross.industry, cross.cap, cross.estu)
    z[there] = fill(z[there], size, cross.industry, cross.cap, cross.estu)
    return gaps


def _orthogonal(x: Floats, targets: list[Floats], spec: StyleSpec, cross: _Ordered) -> Floats:
    """Take out the targets' part; a cube is clipped again, for it has tails that its base lost."""
    if not targets or not _present(x):
        return x
    left = orthogonalize(x, np.column_stack(targets), cross.cap, cross.estu)
    if spec.cube_of is not None:
        left = winsorize(left, cross.estu)
    return standardize(left, cross.cap, cross.estu)
