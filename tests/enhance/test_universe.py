"""Who is decided about, and the accounting of the rest."""

import numpy as np
import pandas as pd
import pytest

from enhance.universe import Universe
from market import DataError
from tests.enhance.cases import names, risk_model

N = 10
RISK = risk_model(N, np.random.default_rng(0))
EVEN = pd.Series(0.25, index=names(4))


def universe(covered=N, score=None, holdings=None, can_sell=None, benchmark=EVEN):
    return Universe.of(
        names(N),
        pd.Series({"SH600005": 1.0}) if score is None else score,
        benchmark,
        pd.Series(dtype=float) if holdings is None else holdings,
        pd.Series(True, index=names(N)) if can_sell is None else can_sell,
        RISK.select(names(N)[:covered] if isinstance(covered, int) else covered),
    )


def test_candidates_are_members_holdings_and_scored_stocks_in_market_order():
    u = universe(holdings=pd.Series({"SH600007": 0.5}))
    assert list(u.stocks) == [
        "SH600000",
        "SH600001",
        "SH600002",
        "SH600003",
        "SH600005",
        "SH600007",
    ]
    assert u.score.isna().tolist() == [True] * 4 + [False, True]
    assert u.uncovered == 0


def test_uncovered_members_are_rescaled_away_and_counted():
    small = pd.Series([0.05, 0.35, 0.30, 0.30], index=names(4))
    u = universe(covered=names(N)[1:], benchmark=small)
    assert u.uncovered_benchmark == pytest.approx(0.05)
    assert u.uncovered == 1
    assert u.benchmark.sum() == pytest.approx(1.0)
    assert u.benchmark["SH600001"] == pytest.approx(0.35 / 0.95)


def test_too_little_coverage_is_refused_with_the_share_that_is_missing():
    with pytest.raises(DataError, match=r"misses 1 members with 25\.0%.*first SH600000"):
        universe(covered=names(N)[1:])


def test_uncovered_holdings_are_sold_or_kept_where_they_cannot_be():
    held = pd.Series({"SH600000": 0.9, "SH600008": 0.06, "SH600009": 0.04})
    locked = pd.Series(names(N) != "SH600009", index=names(N))
    u = universe(covered=8, holdings=held, can_sell=locked)
    assert u.sold.to_dict() == {"SH600008": 0.06}
    assert u.kept.to_dict() == {"SH600009": 0.04}
    assert u.holdings.to_dict() == {"SH600000": 0.9}
    assert u.uncovered == 2


def test_a_holding_outside_the_market_is_refused_by_name():
    with pytest.raises(DataError, match=r"holdings of 2020-01-03 has 1 stocks.*first SZ000001"):
        universe(holdings=pd.Series({"SH600000": 0.5, "SZ000001": 0.5}))


def test_alpha_is_ic_times_volatility_times_score_by_hand():
    risk = RISK.select(names(N))
    sigma = np.sqrt(risk.specific_variance["SH600005"])
    alpha = universe().alpha(risk, ic=0.05, holding_days=5)
    assert alpha["SH600005"] == pytest.approx(0.05 * sigma * np.sqrt(5))
    assert alpha.isna().sum() == 4
