"""Where the excess of a run came from: by factor, industry, limit, cost and risk.

Each function takes the result and the market it was run on; what it returns adds up to the excess and
shows its own residual.
"""

from backtest.attribution.book import Book, book
from backtest.attribution.factors import FactorAttribution, FactorFrames, factor
from backtest.attribution.linking import Attribution, linked
from backtest.attribution.segments import BrinsonAttribution, brinson
from backtest.attribution.shadow import LimitAttribution, limits
from backtest.attribution.shortfall import costs
from backtest.attribution.storage import load, save
from backtest.attribution.tracking import TrackingRisk, risk

__all__ = [
    "Attribution",
    "Book",
    "BrinsonAttribution",
    "FactorAttribution",
    "FactorFrames",
    "LimitAttribution",
    "TrackingRisk",
    "book",
    "brinson",
    "costs",
    "factor",
    "limits",
    "linked",
    "load",
    "risk",
    "save",
]
