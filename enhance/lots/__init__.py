"""From weights to whole lots: what an account of a given size can hold, within the same limits."""

from enhance.lots.capital import by_capital
from enhance.lots.grid import Grid, Terms
from enhance.lots.plan import LotPlan
from enhance.lots.rounding import TooSmallError, round_to_lots

__all__ = ["Grid", "LotPlan", "Terms", "TooSmallError", "by_capital", "round_to_lots"]
