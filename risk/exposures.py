"""From raw descriptors to style exposures on one date: clean, combine, fill, orthogonalise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from risk.arrays import Bools, Codes, Floats
from risk.cleaning import drop_errors, fill, orthogonalize, standardize, winsorize
from risk.styles import StyleSpec

COVERAGE = 0.6  # share of the universe, by sqrt(cap), below which a style is absent that day


@dataclass(frozen=True, eq=False)
class Cross:
    """The stocks of one date: market value ``[n]``, industry code ``[n]``, universe ``[n]``."""

    cap: Floats
    industry: Codes
    estu: Bools


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
        Descriptor name to values ``[n]``; those the data do not allow are not there.
    cross
        Stocks of the date.
    specs
        Styles in an order in which each refers only to earlier ones; size first.

    Returns
    -------
    StyleExposures
        Present columns have cap-weighted mean 0 and equal-weighted deviation 1 over the universe.
    """
    tidy, errors = _clean(raw, cross)
    combined = np.array([_combine(spec, tidy, len(cross.cap)) for spec in specs])  # [S, n]
    combined[_coverage(combined, cross) < COVERAGE] = np.nan
    z = standardize(combined, cross.cap, cross.estu)
    filled = _fill_gaps(z, cross)
    z = standardize(z, cross.cap, cross.estu)
    place = {spec.name: k for k, spec in enumerate(specs)}
    for k, spec in enumerate(specs):
        if spec.cube_of is not None:
            z[k] = z[place[spec.cube_of]] ** 3
        targets = [z[place[name]] for name in spec.orthogonal_to]
        z[k] = _orthogonal(z[k], [x for x in targets if _present(x)], spec, cross)
    return StyleExposures(z.T, filled, errors)


def _clean(raw: Mapping[str, Floats], cross: Cross) -> tuple[dict[str, Floats], int]:
    """Clean all descriptors at once; count the values blanked as errors."""
    given = np.array(list(raw.values()))  # [descriptors, n]
    kept = drop_errors(given, cross.estu)
    errors = int(np.sum(np.isfinite(given) & np.isnan(kept)))
    clean = standardize(winsorize(kept, cross.estu), cross.cap, cross.estu)
    return dict(zip(raw, clean, strict=True)), errors


def _combine(spec: StyleSpec, tidy: Mapping[str, Floats], stocks: int) -> Floats:
    """Weigh the descriptors that each stock has ``[n]``; NaN where it has none."""
    total, weight = np.zeros(stocks), np.zeros(stocks)
    for name, share in spec.descriptors.items():
        if name in tidy:
            known = np.isfinite(tidy[name])
            total += share * np.where(known, tidy[name], 0.0)
            weight += share * known
    return np.divide(total, weight, out=np.full(stocks, np.nan), where=weight > 0.0)


def _coverage(x: Floats, cross: Cross) -> Floats:
    """Share of the universe with a value, by square root of market value, for each row of ``x``."""
    weight = np.sqrt(cross.cap[cross.estu])
    return np.isfinite(x[:, cross.estu]) @ weight / np.sum(weight)


def _present(x: Floats) -> bool:
    """A style is there for every stock or for none."""
    return bool(np.isfinite(x[0]))


def _fill_gaps(z: Floats, cross: Cross) -> Codes:
    """Fill the styles present, size (the first) from industries, the others from size too; count."""
    there = np.isfinite(z).any(axis=1)
    gaps = np.where(there, np.isnan(z).sum(axis=1), 0)
    flat = np.zeros(z.shape[1])
    z[0] = fill(z[0], flat, cross.industry, cross.cap, cross.estu)
    size = standardize(z[0], cross.cap, cross.estu)
    for k in np.flatnonzero(gaps[1:]) + 1:
        z[k] = fill(z[k], size, cross.industry, cross.cap, cross.estu)
    return gaps


def _orthogonal(x: Floats, targets: list[Floats], spec: StyleSpec, cross: Cross) -> Floats:
    """Take out the targets' part; a cube is clipped again, for it has tails that its base lost."""
    if not targets or not _present(x):
        return x
    left = orthogonalize(x, np.column_stack(targets), cross.cap, cross.estu)
    if spec.cube_of is not None:
        left = winsorize(left, cross.estu)
    return standardize(left, cross.cap, cross.estu)
