"""Style factors as data: which descriptors make a style, what it is held orthogonal to, and presets.

Descriptors and weights of the presets are those of public summaries: the USE4 methodology (2011), the
CNE5 empirical notes (2012), the CNE6 factor list, and a broker's DFQ-2020 model. Weights of the last two
are not published: they are equal here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from risk.descriptors import DESCRIPTORS, Descriptor
from risk.model import SPECIFIC

KINDS = ("style", "latent")
RESERVED = ("country", SPECIFIC)


@dataclass(frozen=True)
class StyleSpec:
    """One style factor.

    Parameters
    ----------
    name
        Factor name.
    descriptors
        Weight of each descriptor: a name in ``DESCRIPTORS``, or one that ``fit`` is given. A stock that
        lacks some takes the weighted mean of those it has.
    orthogonal_to
        Styles, listed before this one, whose part is regressed out.
    cube_of
        Take the cube of that style's exposure instead of descriptors.
    kind
        What the model calls the factor: ``"style"``, or ``"latent"`` for one learned from returns.
    """

    name: str
    descriptors: Mapping[str, float] = field(default_factory=dict, hash=False)
    orthogonal_to: tuple[str, ...] = ()
    cube_of: str | None = None
    kind: str = "style"

    def __post_init__(self) -> None:
        if self.name in RESERVED:
            raise ValueError(f"style {self.name!r} is named like another part of risk; rename it")
        if self.kind not in KINDS:
            raise ValueError(f"style {self.name} is of kind {self.kind!r}; use one of {KINDS}")
        if bool(self.descriptors) == (self.cube_of is not None):
            raise ValueError(
                f"style {self.name} needs either descriptors or cube_of, not both or none"
            )
        small = {name: share for name, share in self.descriptors.items() if not share > 0.0}
        if small:
            raise ValueError(f"style {self.name} has weights {small}; they must be positive")


def _equal(*descriptors: str) -> dict[str, float]:
    """Give every descriptor the same weight."""
    return dict.fromkeys(descriptors, 1.0 / len(descriptors))


_SIZE = StyleSpec("size", {"LNCAP": 1.0})
_BETA = StyleSpec("beta", {"BETA": 1.0})
_MOMENTUM = StyleSpec("momentum", {"RSTR": 1.0})
_VALUE = StyleSpec("value", {"BTOP": 1.0})
_CUBE = StyleSpec("nonlinear_size", cube_of="size", orthogonal_to=("size",))
_TURNOVER = {"STOM": 0.35, "STOQ": 0.35, "STOA": 0.30}

CNE5: tuple[StyleSpec, ...] = (
    _SIZE,
    _BETA,
    _MOMENTUM,
    StyleSpec(
        "residual_volatility",
        {"DASTD": 0.74, "CMRA": 0.16, "HSIGMA": 0.10},
        orthogonal_to=("beta", "size"),
    ),
    StyleSpec("liquidity", _TURNOVER, orthogonal_to=("size",)),
    _VALUE,
    StyleSpec("earnings_yield", {"EPFWD": 0.68, "CETOP": 0.21, "ETOP": 0.11}),
    StyleSpec("growth", {"EGRLF": 0.18, "EGRSF": 0.11, "EGRO": 0.24, "SGRO": 0.47}),
    StyleSpec("leverage", {"MLEV": 0.38, "DTOA": 0.35, "BLEV": 0.27}),
    _CUBE,
)

# Industry momentum is nearly a sum of the industry factors: on A-shares its variance inflation is about a
# thousand and its return 35 % a year in volatility. The report says so; leave it out where returns or
# limits of single factors matter.
CNE6: tuple[StyleSpec, ...] = (
    _SIZE,
    _BETA,
    StyleSpec("momentum", _equal("RSTR6", "HALPHA")),
    StyleSpec(
        "residual_volatility", _equal("HSIGMA", "DASTD", "CMRA"), orthogonal_to=("beta", "size")
    ),
    StyleSpec("liquidity", _equal("STOM", "STOQ", "STOA", "ATVR"), orthogonal_to=("size",)),
    StyleSpec("short_term_reversal", {"STREV": 1.0}),
    StyleSpec("long_term_reversal", _equal("LTRSTR", "LTHALPHA")),
    StyleSpec("seasonality", {"SEASON": 1.0}),
    StyleSpec("industry_momentum", {"INDMOM": 1.0}),
    _VALUE,
    StyleSpec("earnings_yield", _equal("EPFWD", "CETOP", "ETOP", "EM")),
    StyleSpec("dividend_yield", _equal("DTOP", "DPIBS")),
    StyleSpec("growth", _equal("EGRLF", "EGRO", "SGRO")),
    StyleSpec("leverage", _equal("MLEV", "DTOA", "BLEV")),
    StyleSpec("earnings_variability", _equal("VSAL", "VERN", "VFLO", "ETOPF_SD")),
    StyleSpec("earnings_quality", _equal("ABS", "ACF")),
    StyleSpec("profitability", _equal("ATO", "GP", "GPM", "ROA")),
    StyleSpec("investment_quality", _equal("AGRO", "IGRO", "CXGRO")),
    StyleSpec("sentiment", _equal("RRIBS", "EPIBSC", "EARNC")),
    _CUBE,
)

USE4: tuple[StyleSpec, ...] = (
    _SIZE,
    _BETA,
    _MOMENTUM,
    StyleSpec(
        "residual_volatility",
        {"DASTD": 0.75, "CMRA": 0.15, "HSIGMA": 0.10},
        orthogonal_to=("beta",),
    ),
    StyleSpec("liquidity", _TURNOVER),
    _VALUE,
    StyleSpec("earnings_yield", {"EPFWD": 0.75, "CETOP": 0.15, "ETOP": 0.10}),
    StyleSpec("dividend_yield", {"DTOP": 1.0}),
    StyleSpec("growth", {"EGRLF": 0.70, "EGRO": 0.20, "SGRO": 0.10}),
    StyleSpec("leverage", {"MLEV": 0.75, "DTOA": 0.15, "BLEV": 0.10}),
    _CUBE,
    StyleSpec("nonlinear_beta", cube_of="beta", orthogonal_to=("beta",)),
)

DFQ2020: tuple[StyleSpec, ...] = (
    _SIZE,
    StyleSpec("beta", {"BETA_SHRUNK": 1.0}),
    StyleSpec("trend", _equal("TREND_120", "TREND_240")),
    StyleSpec("volatility", _equal("STDVOL", "IVFF", "RANGE", "MAXRET6", "MINRET6")),
    StyleSpec("liquidity", _equal("TO", "LIQBETA")),
    _VALUE,
    StyleSpec("growth", _equal("DROE", "SALES3Y", "NA3Y")),
    StyleSpec("state_owned", {"SOE": 1.0}),
    StyleSpec("certainty", _equal("INST", "COV", "LIST")),
    _CUBE,
)


def check_order(specs: tuple[StyleSpec, ...]) -> None:
    """Check that every style refers only to styles before it.

    Raises
    ------
    ValueError
        A repeated name, or a reference forward; the message names the style.
    """
    seen: set[str] = set()
    for spec in specs:
        wanted = set(spec.orthogonal_to) | ({spec.cube_of} if spec.cube_of else set())
        if spec.name in seen or not wanted <= seen:
            raise ValueError(
                f"style {spec.name} is repeated or refers to {sorted(wanted - seen)} not listed before it"
            )
        seen.add(spec.name)


def known_descriptors(specs: Iterable[StyleSpec]) -> dict[str, Descriptor]:
    """Return the catalogued descriptors of the styles, LNCAP first: gaps are filled by size."""
    named = dict.fromkeys(["LNCAP", *(name for spec in specs for name in spec.descriptors)])
    return {name: DESCRIPTORS[name] for name in named if name in DESCRIPTORS}


def lookback(specs: Iterable[StyleSpec]) -> int:
    """Return the trailing rows that the longest window of the styles needs."""
    return max(each.lookback for each in known_descriptors(specs).values())


def fields_read(specs: Iterable[StyleSpec]) -> tuple[str, ...]:
    """Return the fields that the descriptors of the styles may read."""
    every = known_descriptors(specs).values()
    return tuple(dict.fromkeys(name for each in every for name in each.reads))
