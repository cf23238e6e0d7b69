"""How well a risk model forecasts: measures, portfolio families, the calibration table, paired tests."""

from risk.evaluate.compare import compare_r2, diebold_mariano, hac_t
from risk.evaluate.held import active_weights
from risk.evaluate.minimum import MinimumTracking, MinimumVariance
from risk.evaluate.outcomes import Outcomes, outcomes
from risk.evaluate.sets import (
    STANDARD,
    Eigenfactors,
    Given,
    IndexPortfolios,
    PureFactors,
    RandomActive,
    RandomAlpha,
    RandomFactorAlpha,
    SingleStocks,
    StyleTilts,
)
from risk.evaluate.table import by_decile, calibration, summarise
from risk.evaluate.today import Portfolios, PortfolioSet, Today

__all__ = [
    "STANDARD",
    "Eigenfactors",
    "Given",
    "IndexPortfolios",
    "MinimumTracking",
    "MinimumVariance",
    "Outcomes",
    "PortfolioSet",
    "Portfolios",
    "PureFactors",
    "RandomActive",
    "RandomAlpha",
    "RandomFactorAlpha",
    "SingleStocks",
    "StyleTilts",
    "Today",
    "active_weights",
    "by_decile",
    "calibration",
    "compare_r2",
    "diebold_mariano",
    "hac_t",
    "outcomes",
    "summarise",
]
