"""Confidence intervals of excess and information ratio."""

import sys

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from backtest.significance import intervals


def active(seed, days=500, mean=0.0004, deviation=0.003, memory=0.0):
    random = np.random.default_rng(seed)
    noise = random.standard_normal(days)
    for k in range(1, days):
        noise[k] = memory * noise[k - 1] + np.sqrt(1.0 - memory**2) * noise[k]
    return pd.Series(mean + deviation * noise, pd.bdate_range("2020-01-01", periods=days))


def test_the_interval_of_the_mean_is_that_of_statsmodels():
    x = active(1, memory=0.3)
    found = intervals(x, resamples=200).loc["annual_excess_arithmetic"]
    fit = sm.OLS(x.to_numpy(), np.ones(len(x))).fit(
        cov_type="HAC", cov_kwds={"maxlags": int(found["lags"])}
    )
    low, high = 252.0 * fit.conf_int()[0]
    assert found["estimate"] == pytest.approx(252.0 * x.mean())
    assert found["t"] == pytest.approx(fit.tvalues[0])
    assert found[["newey_west_low", "newey_west_high"]].tolist() == pytest.approx([low, high])


def test_the_error_of_the_ratio_is_that_of_lo_for_independent_normal_returns():
    # Lo 2002: a standard error of sqrt((1 + SR^2 / 2) / T) a day, here SR = 0.5
    x = active(2, days=200_000, mean=0.5, deviation=1.0)
    found = intervals(x, resamples=20).loc["information_ratio"]
    width = (found["newey_west_high"] - found["newey_west_low"]) / (2.0 * 1.959964)
    assert width / np.sqrt(252.0) == pytest.approx(np.sqrt((1.0 + 0.125) / 200_000), rel=0.03)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    truth = 0.0004 / 0.003 * np.sqrt(252.0)
    hits = {"newey_west": 0, "bootstrap": 0}
    for seed in range(60):
        row = intervals(active(seed, days=250), 0.9, resamples=200).loc["information_ratio"]
        for name in hits:
            hits[name] += row[f"{name}_low"] <= truth <= row[f"{name}_high"]
    for name, count in hits.items():  # 54 of 60 but for chance: three deviations are seven
        assert count >= 46, name


def test_days_that_depend_on_each_other_widen_both_intervals():
    alone, together = active(3, memory=0.0), active(3, memory=0.8)
    for name in ("newey_west", "bootstrap"):
        narrow, wide = (
            intervals(x, resamples=300).eval(f"{name}_high - {name}_low") / x.std()
            for x in (alone, together)
        )
        assert (wide > 1.5 * narrow).all()
    assert intervals(together, resamples=50)["block"].iloc[0] > 5.0


def test_the_same_seed_gives_the_same_intervals():
    x = active(4)
    pd.testing.assert_frame_equal(intervals(x, seed=3), intervals(x, seed=3))
    assert not intervals(x, seed=3).equals(intervals(x, seed=4))


def test_a_higher_confidence_gives_wider_intervals():
    x = active(5)
    narrow, wide = intervals(x, 0.8), intervals(x, 0.99)
    assert (wide["bootstrap_low"] < narrow["bootstrap_low"]).all()
    assert (wide["newey_west_high"] > narrow["newey_west_high"]).all()
    assert (wide["sessions"] == 500).all()


def test_what_has_no_interval_is_refused():
    with pytest.raises(ValueError, match="5 active returns between"):
        intervals(active(1, days=5))
    with pytest.raises(ValueError, match="that vary"):
        intervals(pd.Series(np.zeros(50)))
    with pytest.raises(ValueError, match="that vary"):
        intervals(1e-16 * active(1))  # of a multiple of the benchmark: rounding and nothing else
    with pytest.raises(ValueError, match=r"confidence is 95\.0"):
        intervals(active(1), confidence=95.0)


def test_without_arch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "arch", None)
    with pytest.raises(ImportError, match="package arch"):
        intervals(active(1))
