"""The limits of index enhancement, one idea a file. Weights and exposures are fractions, risks annual."""

from enhance.constraints.exits import Blacklist, ExcludeST, Exit, Whitelist
from enhance.constraints.exposure import (
    Beta,
    Groups,
    IndustryExposure,
    LatentExposure,
    StyleExposure,
)
from enhance.constraints.linear import Linear
from enhance.constraints.names import MaxNames, MinHolding
from enhance.constraints.portfolio import Budget, ConstituentShare, GroupRisk, TrackingError
from enhance.constraints.soft import Soft
from enhance.constraints.trading import NoBuy, NoSell, Participation, Turnover
from enhance.constraints.weights import ActiveWeight, Bounds, LongOnly

__all__ = [
    "ActiveWeight",
    "Beta",
    "Blacklist",
    "Bounds",
    "Budget",
    "ConstituentShare",
    "ExcludeST",
    "Exit",
    "GroupRisk",
    "Groups",
    "IndustryExposure",
    "LatentExposure",
    "Linear",
    "LongOnly",
    "MaxNames",
    "MinHolding",
    "NoBuy",
    "NoSell",
    "Participation",
    "Soft",
    "StyleExposure",
    "TrackingError",
    "Turnover",
    "Whitelist",
]
