"""Every descriptor by name: how a block gives it, and the fields without which it cannot be.

Fields beyond prices, each ``[T, N]`` and known at the close of its row; money is CNY of the company:

- last reported: ``book_equity``, ``total_assets``, ``total_liabilities``, ``current_liabilities``,
  ``long_term_debt``, ``total_debt``, ``preferred_equity``, ``cash``; ``debt_to_assets`` (fraction)
- trailing year, or the last fiscal year: ``net_income``, ``sales``, ``cost_of_sales``, ``ebit``,
  ``operating_cash_flow``, ``investing_cash_flow``, ``depreciation``; ``dividends_12m``
- fiscal years: ``sales_fy1`` is the newest annual figure known that day, ``sales_fy2`` that of the year
  before it, to ``sales_fy5``; likewise ``net_income``, ``operating_cash_flow``, ``capex``, ``shares`` (in
  today's shares, so that splits are no growth), ``book_equity``, ``total_assets``, ``total_liabilities``,
  ``total_debt``, ``cash`` and ``depreciation``
- analysts: ``forecast_income_this_year`` and ``_next_year``, ``forecast_income_deviation``,
  ``forecast_dividends`` (CNY); ``forecast_growth_long`` and ``_short`` (fractions a year); ``upgrades`` and
  ``downgrades`` (forecasts changed that session); ``analysts`` (their number)
- holders: ``state_share`` and ``fund_share`` (fractions)
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from risk.arrays import Floats
from risk.descriptors import analysts, returns, statements, trading, value, volatility
from risk.descriptors.block import Block
from risk.descriptors.descriptor import Descriptor, fiscal
from risk.descriptors.value import ratio

_FLOWS = (
    "net_income",
    "operating_cash_flow",
    "investing_cash_flow",
    "depreciation",
    "total_assets",
)


def _cash_earnings(b: Block) -> Floats:
    """Operating cash flow, or income and depreciation, over market value (CETOP)."""
    missing = np.full((b.size, b.returns.shape[1]), np.nan)
    has = b.fields.keys()
    flow = b.last("operating_cash_flow") if "operating_cash_flow" in has else missing
    both = {"net_income", "depreciation"} <= set(has)
    earned = b.last("net_income") + b.last("depreciation") if both else missing
    return ratio(value.where_known(flow, earned), b.last("cap"))


def _debt_share(b: Block) -> Floats:
    """Debt over assets from its parts, or as reported (DTOA)."""
    parts = ("long_term_debt", "current_liabilities", "total_assets")
    if not set(parts) <= b.fields.keys():
        return b.last("debt_to_assets")
    made = value.debt_share(*map(b.last, parts))
    if "debt_to_assets" not in b.fields:
        return made
    return value.where_known(made, b.last("debt_to_assets"))


def _variability(name: str) -> Descriptor:
    def compute(b: Block) -> Floats:
        return statements.when_new(statements.variability, b.years(name))

    return Descriptor(compute, fiscal(name))


def _growth(name: str) -> Descriptor:
    return Descriptor(lambda b: b.growth(name), fiscal(name), helps=fiscal("shares"))


def _shrinking(name: str) -> Descriptor:
    def compute(b: Block) -> Floats:
        return -statements.when_new(statements.growth, b.years(name))

    return Descriptor(compute, fiscal(name))


def _compound(name: str) -> Descriptor:
    return Descriptor(lambda b: statements.compound(b.stack(name, 4)), fiscal(name, 4))


def _over(name: str, base: str) -> Descriptor:
    return Descriptor(lambda b: ratio(b.last(name), b.last(base)), (name, base))


def _to_cap(name: str) -> Descriptor:
    return Descriptor(lambda b: b.to_cap(name), (name,))


def _as_is(name: str) -> Descriptor:
    return Descriptor(lambda b: b.last(name), (name,))


_FORECAST = ("forecast_income_this_year", "forecast_income_next_year")
_ACCRUED = ("total_assets", "cash", "total_liabilities", "total_debt")
_YEAR = returns.YEAR
_DFQ = volatility.DFQ_YEAR

_PRICES: dict[str, Descriptor] = {
    "LNCAP": Descriptor(lambda b: value.log_cap(b.last("cap"))),
    "BETA": Descriptor(lambda b: b.market_model.beta, lookback=_YEAR),
    "BETA_SHRUNK": Descriptor(
        lambda b: volatility.shrunk_beta(b.market_model, b.last("cap"), b.estu[-b.size :]),
        lookback=_YEAR,
    ),
    "HALPHA": Descriptor(lambda b: b.market_model.alpha, lookback=_YEAR),
    "HSIGMA": Descriptor(lambda b: b.market_model.sigma, lookback=_YEAR),
    "DASTD": Descriptor(lambda b: volatility.daily_deviation(b.returns, b.size), lookback=_YEAR),
    "CMRA": Descriptor(lambda b: returns.cumulative_range(b.logs, b.size), lookback=_YEAR),
    "RSTR": Descriptor(lambda b: returns.relative_strength(b.logs, b.size), lookback=525),
    "RSTR6": Descriptor(lambda b: returns.smoothed_strength(b.logs, b.size), lookback=273),
    "LTRSTR": Descriptor(lambda b: returns.long_reversal(b.logs, b.size), lookback=1324),
    "LTHALPHA": Descriptor(
        lambda b: volatility.long_alpha(b.returns, b.market, b.size), lookback=1324
    ),
    "STREV": Descriptor(lambda b: returns.short_reversal(b.logs, b.size), lookback=21),
    "STREV63": Descriptor(lambda b: returns.slow_reversal(b.logs, b.size), lookback=67),
    "SEASON": Descriptor(lambda b: returns.seasonality(b.logs, b.dates, b.size), lookback=1330),
    "INDMOM": Descriptor(
        lambda b: returns.industry_momentum(
            b.logs, b.last("cap"), b.fields["industry"][-b.size :], b.size
        ),
        needs=("industry",),
        lookback=126,
    ),
    "TREND_120": Descriptor(
        lambda b: returns.trend(b.whole("adj_close"), 120, b.size), ("adj_close",), lookback=360
    ),
    "TREND_240": Descriptor(
        lambda b: returns.trend(b.whole("adj_close"), 240, b.size), ("adj_close",), lookback=720
    ),
    "STDVOL": Descriptor(lambda b: volatility.plain_deviation(b.returns, b.size), lookback=_DFQ),
    "IVFF": Descriptor(
        lambda b: volatility.residual_deviation(b.returns, b.style_portfolios, b.size),
        needs=("book_equity",),
        lookback=_DFQ + 1,
    ),
    "RANGE": Descriptor(
        lambda b: volatility.price_range(b.whole("adj_high"), b.whole("adj_low"), b.size),
        needs=("adj_high", "adj_low"),
        lookback=_DFQ,
    ),
    "MAXRET6": Descriptor(lambda b: volatility.best_days(b.returns, b.size), lookback=_DFQ),
    "MINRET6": Descriptor(lambda b: volatility.worst_days(b.returns, b.size), lookback=_DFQ),
    "STOM": Descriptor(lambda b: trading.turnover(b.turnover, 1, b.size), lookback=21),
    "STOQ": Descriptor(lambda b: trading.turnover(b.turnover, 3, b.size), lookback=63),
    "STOA": Descriptor(lambda b: trading.turnover(b.turnover, 12, b.size), lookback=_YEAR),
    "ATVR": Descriptor(lambda b: trading.annual_turnover(b.turnover, b.size), lookback=_YEAR),
    "TO": Descriptor(lambda b: trading.log_turnover(b.turnover, b.size), lookback=_DFQ),
    "LIQBETA": Descriptor(
        lambda b: trading.liquidity_beta(b.turnover, b.market_turnover, b.size), lookback=_DFQ
    ),
}

_BOOKS: dict[str, Descriptor] = {
    "BTOP": _to_cap("book_equity"),
    "ETOP": _to_cap("net_income"),
    "CETOP": Descriptor(
        _cash_earnings, ("operating_cash_flow",), or_else=("net_income", "depreciation")
    ),
    "EM": Descriptor(
        lambda b: value.enterprise_yield(*map(b.last, ("ebit", "cap", "total_debt", "cash"))),
        needs=("ebit", "total_debt", "cash"),
    ),
    "DTOP": _to_cap("dividends_12m"),
    "MLEV": Descriptor(
        lambda b: value.market_leverage(
            b.last("cap"), b.or_zero("preferred_equity"), b.last("long_term_debt")
        ),
        needs=("long_term_debt",),
        helps=("preferred_equity",),
    ),
    "DTOA": Descriptor(
        _debt_share,
        needs=("long_term_debt", "current_liabilities", "total_assets"),
        or_else=("debt_to_assets",),
    ),
    "BLEV": Descriptor(
        lambda b: value.book_leverage(
            b.last("book_equity"), b.or_zero("preferred_equity"), b.last("long_term_debt")
        ),
        needs=("book_equity", "long_term_debt"),
        helps=("preferred_equity",),
    ),
    "EGRO": _growth("net_income"),
    "SGRO": _growth("sales"),
    "VSAL": _variability("sales"),
    "VERN": _variability("net_income"),
    "VFLO": _variability("operating_cash_flow"),
    "ABS": Descriptor(
        lambda b: statements.balance_accruals(
            b.stack("total_assets", 2),
            b.stack("cash", 2),
            b.stack("total_liabilities", 2),
            b.stack("total_debt", 2),
            b.last("depreciation_fy1"),
        ),
        needs=(*(field for name in _ACCRUED for field in fiscal(name, 2)), "depreciation_fy1"),
    ),
    "ACF": Descriptor(
        lambda b: statements.flow_accruals(*map(b.last, _FLOWS)),
        needs=_FLOWS,
    ),
    "ATO": _over("sales", "total_assets"),
    "GP": Descriptor(
        lambda b: ratio(b.last("sales") - b.last("cost_of_sales"), b.last("total_assets")),
        needs=("sales", "cost_of_sales", "total_assets"),
    ),
    "GPM": Descriptor(
        lambda b: ratio(b.last("sales") - b.last("cost_of_sales"), b.last("sales")),
        needs=("sales", "cost_of_sales"),
    ),
    "ROA": _over("net_income", "total_assets"),
    "AGRO": _shrinking("total_assets"),
    "IGRO": _shrinking("shares"),
    "CXGRO": _shrinking("capex"),
    "DROE": Descriptor(
        lambda b: statements.return_change(b.stack("net_income", 4), b.stack("book_equity", 4)),
        needs=(*fiscal("net_income", 4), *fiscal("book_equity", 4)),
    ),
    "SALES3Y": _compound("sales"),
    "NA3Y": _compound("book_equity"),
}

_OPINIONS: dict[str, Descriptor] = {
    "EPFWD": Descriptor(lambda b: ratio(b.forward_income[-b.size :], b.last("cap")), _FORECAST),
    "ETOPF_SD": _to_cap("forecast_income_deviation"),
    "DPIBS": _to_cap("forecast_dividends"),
    "EGRLF": _as_is("forecast_growth_long"),
    "EGRSF": _as_is("forecast_growth_short"),
    "RRIBS": Descriptor(
        lambda b: analysts.revisions(b.whole("upgrades"), b.whole("downgrades"), b.size),
        needs=("upgrades", "downgrades"),
        lookback=63,
    ),
    "EPIBSC": Descriptor(
        lambda b: analysts.change(ratio(b.forward_income, b.whole("cap")), b.size),
        needs=_FORECAST,
        lookback=63,
    ),
    "EARNC": Descriptor(
        lambda b: analysts.relative_change(b.forward_income, b.size), _FORECAST, lookback=63
    ),
    "SOE": _as_is("state_share"),
    "INST": _as_is("fund_share"),
    "COV": Descriptor(lambda b: np.log1p(b.last("analysts")), ("analysts",), net_of_size=True),
    "LIST": _as_is("listed_days"),
}

DESCRIPTORS: Mapping[str, Descriptor] = MappingProxyType({**_PRICES, **_BOOKS, **_OPINIONS})
