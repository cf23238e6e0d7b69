"""Style factors as data: which descriptors make a style, and what it is held orthogonal to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np

from risk import descriptors
from risk.arrays import Floats


@dataclass(frozen=True, eq=False)
class Block:
    """Raw arrays ``[M, N]`` whose last ``size`` rows are described; the rest is their trailing window.

    ``fields`` holds, in float32, what the market offers of ``cap``, ``turnover``, ``book_equity``, ``net_income``,
    ``dividends_12m`` and ``debt_to_assets``; ``market`` ``[M]`` is the return of the estimation universe.
    """

    size: int
    returns: Floats
    market: Floats
    fields: Mapping[str, Floats]

    @cached_property
    def market_model(self) -> descriptors.MarketModel:
        return descriptors.market_model(self.returns, self.market, self.size)

    @cached_property
    def turnover(self) -> Floats:
        return self.fields["turnover"].astype(np.float64)

    def last(self, name: str) -> Floats:
        """Return the described rows of a field, float64."""
        return self.fields[name][-self.size :].astype(np.float64)

    def to_cap(self, name: str) -> Floats:
        """Return a field over market value."""
        return descriptors.ratio(self.last(name), self.last("cap"))

    def turned(self, months: int) -> Floats:
        """Return the logarithm of turnover over some months."""
        return descriptors.turnover(self.turnover, months, self.size)


@dataclass(frozen=True)
class Descriptor:
    """How a descriptor is computed from a block, and the fields without which it cannot be."""

    compute: Callable[[Block], Floats]
    needs: tuple[str, ...] = ()


DESCRIPTORS: Mapping[str, Descriptor] = MappingProxyType(
    {
        "LNCAP": Descriptor(lambda b: descriptors.log_cap(b.last("cap"))),
        "BETA": Descriptor(lambda b: b.market_model.beta),
        "HSIGMA": Descriptor(lambda b: b.market_model.sigma),
        "RSTR": Descriptor(lambda b: descriptors.relative_strength(b.returns, b.size)),
        "DASTD": Descriptor(lambda b: descriptors.daily_deviation(b.returns, b.size)),
        "CMRA": Descriptor(lambda b: descriptors.cumulative_range(b.returns, b.size)),
        "STOM": Descriptor(lambda b: b.turned(1)),
        "STOQ": Descriptor(lambda b: b.turned(3)),
        "STOA": Descriptor(lambda b: b.turned(12)),
        "BTOP": Descriptor(lambda b: b.to_cap("book_equity"), ("book_equity",)),
        "ETOP": Descriptor(lambda b: b.to_cap("net_income"), ("net_income",)),
        "DTOP": Descriptor(lambda b: b.to_cap("dividends_12m"), ("dividends_12m",)),
        "DTOA": Descriptor(lambda b: b.last("debt_to_assets"), ("debt_to_assets",)),
    }
)


@dataclass(frozen=True)
class StyleSpec:
    """One style factor.

    Parameters
    ----------
    name
        Factor name.
    descriptors
        Weight of each descriptor (a name in ``DESCRIPTORS``). A stock that lacks some takes the
        weighted mean of those it has.
    orthogonal_to
        Styles, listed before this one, whose part is regressed out.
    cube_of
        Take the cube of that style's exposure instead of descriptors.
    """

    name: str
    descriptors: Mapping[str, float] = field(default_factory=dict, hash=False)
    orthogonal_to: tuple[str, ...] = ()
    cube_of: str | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.descriptors) - set(DESCRIPTORS))
        if unknown:
            raise ValueError(
                f"style {self.name} names descriptors {unknown} that do not exist; "
                f"there are {sorted(DESCRIPTORS)}"
            )
        if bool(self.descriptors) == (self.cube_of is not None):
            raise ValueError(
                f"style {self.name} needs either descriptors or cube_of, not both or none"
            )


# Weights and orthogonalisation of CNE5 as publicly summarised. Leverage and earnings yield hold only what
# needs no balance-sheet detail and no analyst; dividend yield comes from USE4.
CNE5: tuple[StyleSpec, ...] = (
    StyleSpec("size", {"LNCAP": 1.0}),
    StyleSpec("beta", {"BETA": 1.0}),
    StyleSpec("momentum", {"RSTR": 1.0}),
    StyleSpec(
        "residual_volatility",
        {"DASTD": 0.74, "CMRA": 0.16, "HSIGMA": 0.10},
        orthogonal_to=("beta", "size"),
    ),
    StyleSpec("liquidity", {"STOM": 0.35, "STOQ": 0.35, "STOA": 0.30}, orthogonal_to=("size",)),
    StyleSpec("value", {"BTOP": 1.0}),
    StyleSpec("earnings_yield", {"ETOP": 1.0}),
    StyleSpec("dividend_yield", {"DTOP": 1.0}),
    StyleSpec("leverage", {"DTOA": 1.0}),
    StyleSpec("nonlinear_size", cube_of="size", orthogonal_to=("size",)),
)


def check_order(specs: tuple[StyleSpec, ...]) -> None:
    """Check that size comes first and that every style refers only to styles before it.

    Raises
    ------
    ValueError
        A repeated name, or a reference forward; the message names the style.
    """
    if not specs or specs[0].descriptors != {"LNCAP": 1.0}:
        raise ValueError(
            "the first style must be StyleSpec('size', {'LNCAP': 1.0}): it fills the others"
        )
    seen: set[str] = set()
    for spec in specs:
        wanted = set(spec.orthogonal_to) | ({spec.cube_of} if spec.cube_of else set())
        if spec.name in seen or not wanted <= seen:
            raise ValueError(
                f"style {spec.name} is repeated or refers to {sorted(wanted - seen)} not listed before it"
            )
        seen.add(spec.name)
