"""The data floor: prices, volumes, membership and trading rules on one grid, known up to a date.

``open`` reads a folder, ``from_frames`` takes a long table, ``simulate`` makes a market whose truth
is known. Everything above this package receives a ``Market`` and nothing else about the world.
"""

from market.calendar import TRADING_DAYS, rebalance_dates
from market.checks import validate
from market.codes import normalise_code
from market.costs import DIVIDEND_TAX_CN, Costs
from market.errors import DataError
from market.index import Index
from market.panel import Market
from market.readers import from_frames, open
from market.simulate import simulate
from market.snapshot import Snapshot, Target
from market.venue import Venue

__all__ = [
    "DIVIDEND_TAX_CN",
    "TRADING_DAYS",
    "Costs",
    "DataError",
    "Index",
    "Market",
    "Snapshot",
    "Target",
    "Venue",
    "from_frames",
    "normalise_code",
    "open",
    "rebalance_dates",
    "simulate",
    "validate",
]
