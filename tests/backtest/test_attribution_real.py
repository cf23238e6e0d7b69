"""Attribution on real data: every sum closes, and the lines are of the size they should be."""

import pytest

import market
from backtest import BenchmarkPolicy, TopN, attribution, run


@pytest.mark.data
def test_every_sum_closes(data_root):
    real = market.open(data_root("ashare_mini"))
    score = real.field("adj_close").pct_change(20, fill_method=None).iloc[21:]
    result = run(real, TopN(score, 10), start=score.index[0], benchmark="csi300")
    for function in (attribution.brinson, attribution.costs):
        found = function(result, real)
        assert found.residual.abs().max() < 1e-12
        assert found.total().loc["residual"].abs().max() < 1e-12
        assert found.yearly()["excess"].tolist() == pytest.approx(
            result.yearly()["excess"].tolist()
        )


@pytest.mark.data
@pytest.mark.slow
def test_a_portfolio_that_is_the_index_earns_the_dividends_that_the_level_leaves_out(data_root):
    real = market.open(data_root("ashare")).between("2022-01-04", "2023-12-29")
    result = run(real, BenchmarkPolicy("csi500"), benchmark="csi500")
    parts = attribution.brinson(result, real).total()["a_year"]
    assert 0.01 < parts["index level against its weights"] < 0.04
    others = parts.drop(["index level against its weights", "sum", "excess", "residual"])
    assert others.abs().max() < 0.01
