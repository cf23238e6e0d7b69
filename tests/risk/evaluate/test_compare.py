"""Paired tests: agreement with statsmodels, and the right verdict on models that differ or do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from market import DataError
from risk.evaluate import compare_r2, diebold_mariano, hac_t

sm = pytest.importorskip("statsmodels.api")
DATES = pd.bdate_range("2019-01-01", periods=1000)


def persistent(seed, mean=0.0):
    random = np.random.default_rng(seed)
    x = random.standard_normal(1000)
    for t in range(1, len(x)):
        x[t] += 0.8 * x[t - 1]
    return mean + 0.01 * x


@pytest.mark.parametrize("lags", [0, 5, 21])
def test_the_t_statistic_is_that_of_statsmodels(lags):
    x = persistent(1, 0.004)
    fit = sm.OLS(x, np.ones(len(x))).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    assert hac_t(x, lags) == pytest.approx(float(fit.tvalues[0]), rel=1e-10)


def test_the_default_lags_hold_the_size_that_a_plain_t_loses_on_persistent_days():
    plain = [abs(hac_t(persistent(seed), 0)) > 1.96 for seed in range(200)]
    robust = [abs(hac_t(persistent(seed))) > 1.96 for seed in range(200)]
    assert np.mean(plain) > 0.35
    assert np.mean(robust) < 0.15


def test_a_constant_series_and_wrong_input_are_not_tested():
    assert np.isnan(hac_t(np.ones(10)))
    with pytest.raises(ValueError, match="got 3, 1 of them not finite"):
        hac_t(np.array([1.0, np.nan, 2.0]))
    with pytest.raises(ValueError, match="got 1"):
        hac_t(np.array([1.0]))


def test_diebold_mariano_is_below_zero_when_the_first_loses_less():
    random = np.random.default_rng(3)
    loss = random.random(500)
    worse = loss + 0.1 + 0.1 * random.random(500)
    worse[7] = np.nan
    assert diebold_mariano(loss, worse) < -10.0
    assert diebold_mariano(worse, loss) == pytest.approx(-diebold_mariano(loss, worse))


def test_r2_is_compared_on_common_days_against_the_first_model():
    random = np.random.default_rng(4)
    base = pd.Series(0.3 + 0.05 * random.standard_normal(1000), DATES)
    better = base + 0.01 + 0.005 * random.standard_normal(1000)
    table = compare_r2(
        {"base": base, "better": better.iloc[100:], "same": base},
        start="2019-02-01",
        end="2022-06-30",
    )
    days = base.index[100:].intersection(base.loc["2019-02-01":"2022-06-30"].index)
    assert (table["days"] == len(days)).all()
    assert table.loc["better", "gain"] == pytest.approx((better - base).loc[days].mean())
    assert table.loc["better", "t"] > 20.0
    assert table.loc["better", "won"] > 0.95
    assert np.isnan(table.loc["base", "t"])
    assert table.loc["same", "gain"] == 0.0


def test_models_without_days_in_common_are_refused():
    a, b = pd.Series(0.3, DATES[:10]), pd.Series(0.3, DATES[20:])
    with pytest.raises(DataError, match="0 days in common"):
        compare_r2({"a": a, "b": b})
