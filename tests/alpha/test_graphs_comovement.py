"""Neighbours by returns: who moves together, who comes first, and nothing of what comes after."""

import numpy as np
import pandas as pd
import pytest

import alpha
from alpha import graphs
from market import DataError


def leading(sessions=400, stocks=6, seed=0):
    """Stock 1 follows stock 0 by a session; 2 and 3 move together; 4 and 5 are alone."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.02, (sessions, stocks)).astype(np.float32)
    returns = noise.copy()
    returns[1:, 1] = 0.9 * noise[:-1, 0] + 0.3 * noise[1:, 1]
    returns[:, 3] = 0.9 * noise[:, 2] + 0.3 * noise[:, 3]
    dates = pd.bdate_range("2019-01-01", periods=sessions)
    return pd.DataFrame(returns, dates, [f"SH60000{i}" for i in range(stocks)])


def test_correlation_finds_who_moves_together_and_a_lag_who_comes_first():
    returns = leading()
    together = graphs.correlation(returns, window=120, top=1, least=0.5)
    edges = together.bind(returns.index, returns.columns).edges(399, np.arange(6))
    assert edges.T.tolist() == [[3, 2], [2, 3]]
    before = graphs.lead_lag(returns, window=120, top=1, least=0.5)
    bound_to = before.bind(returns.index, returns.columns)
    assert bound_to.edges(399, np.arange(6)).T.tolist() == [[0, 1]]
    assert bound_to.types(399, np.arange(6))[0] == pytest.approx([0.95, 0.0], abs=0.05)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_strengths_are_correlations_of_the_window_before_the_refresh(lag):
    returns = leading(200)
    returns.iloc[:, 5] *= -1
    graph = graphs.Comovement(returns, window=60, top=5, every=10, lag=lag)
    edges, strength = graph.bind(returns.index, returns.columns)._on(157, np.arange(6))
    assert edges.shape == (2, 30)
    window = returns.iloc[150 - 59 : 151].to_numpy()
    shifted = returns.iloc[150 - 59 - lag : 151 - lag].to_numpy()
    for (j, i), value in zip(edges.T, strength, strict=True):
        assert value == pytest.approx(np.corrcoef(window[:, i], shifted[:, j])[0, 1], abs=1e-4)


def test_edges_use_nothing_after_the_day_and_change_at_refreshes_only():
    returns = leading()
    later = returns.copy()
    later.iloc[301:] = np.random.default_rng(1).normal(size=(99, 6)).astype(np.float32)
    everyone = np.arange(6)
    for lag in (0, 1):
        one, other = (
            graphs.Comovement(r, window=100, top=3, every=20, lag=lag).bind(r.index, r.columns)
            for r in (returns, later)
        )
        for row in range(300):
            np.testing.assert_array_equal(one.types(row, everyone), other.types(row, everyone))
        np.testing.assert_array_equal(one.types(280, everyone), one.types(299, everyone))
        assert not np.array_equal(one.types(299, everyone), one.types(300, everyone))
        assert one.edges(90, everyone).shape == (2, 0)  # no window behind it yet


def test_stocks_without_enough_returns_and_strangers_are_nobodys_neighbours():
    returns = leading()
    returns.iloc[200:, 2] = np.nan
    returns.iloc[:, 4] = 0.0  # never moves
    bound_to = graphs.correlation(returns, 100, top=5).bind(returns.index, returns.columns)
    assert set(np.unique(bound_to.edges(399, np.arange(6)))) == {0, 1, 3, 5}
    member = pd.DataFrame(True, returns.index, returns.columns)
    member.iloc[:, 0] = False
    some = graphs.correlation(returns, 100, top=5, member=member)
    edges = some.bind(returns.index, returns.columns).edges(399, np.arange(6))
    assert 0 not in edges
    few = some.bind(returns.index, returns.columns[[3, 5]])
    assert few.edges(399, np.arange(2)).T.tolist() == [[1, 0], [0, 1]]


def test_comovement_beyond_its_returns_is_refused():
    returns = leading()
    with pytest.raises(DataError, match="1 of 2 sessions have no row of returns, first 2031-01-01"):
        graphs.correlation(returns).bind(
            pd.DatetimeIndex(["2019-01-01", "2031-01-01"]), returns.columns
        )
    with pytest.raises(ValueError, match="lag is 0"):
        graphs.lead_lag(returns, lag=0)
    with pytest.raises(ValueError, match="window is 0"):
        graphs.correlation(returns, window=0)


def test_an_undirected_edge_is_there_if_either_stock_names_the_other():
    returns = leading(300, 6, seed=4)
    everyone = np.arange(6)
    directed, both = (
        graphs.correlation(returns, 60, top=2, undirected=way).bind(returns.index, returns.columns)
        for way in (False, True)
    )
    named = set(map(tuple, directed.edges(299, everyone).T.tolist()))
    edges, types = both.edges(299, everyone), both.types(299, everyone)
    found = dict(zip(map(tuple, edges.T.tolist()), types.tolist(), strict=True))
    assert set(found) == named | {(i, j) for j, i in named} != named
    assert all(found[j, i] == found[i, j] for j, i in found)
    one_way = dict(
        zip(
            map(tuple, directed.edges(299, everyone).T.tolist()),
            directed.types(299, everyone).tolist(),
            strict=True,
        )
    )
    for pair, weights in one_way.items():
        assert found[pair] == pytest.approx(weights, abs=1e-6)
    some = np.array([4, 1, 5, 2])
    few = set(map(tuple, some[both.edges(299, some)].T.tolist()))
    assert few == {(j, i) for j, i in found if {i, j} <= set(some.tolist())}
    graphs.checked(both, 299, everyone, returns.index)
    assert both.edges(10, everyone).shape == (2, 0)


@pytest.mark.parametrize("kind", [alpha.SGC, alpha.ChebNet, alpha.GCN])
def test_spectral_models_train_on_correlations_both_ways(toy, kind):
    ask = {
        "splits": alpha.WalkForward(train="1y", valid="6m", test="6m"),
        "config": alpha.TrainConfig(epochs=1, every=20),
        "label": alpha.labels.vwap_1,
        "features": alpha.FeatureSet("one", {"R": "close / lag(close, 1) - 1"}),
    }
    returns = toy.returns()
    model = kind(hidden=4, steps=2, weighted=True)
    with pytest.raises(ValueError, match="the graph is directed"):
        alpha.fit(model, toy, graph=graphs.correlation(returns, 60, top=3), **ask)
    both = graphs.correlation(returns, 60, top=3, undirected=True)
    assert alpha.fit(model, toy, graph=both, **ask).scores().notna().sum().sum() > 1000


def test_a_lead_is_a_direction():
    with pytest.raises(ValueError, match="undirected with lag 1"):
        graphs.Comovement(leading(), lag=1, undirected=True)


def test_returns_out_of_order_are_refused_since_windows_would_reach_ahead():
    returns = leading(60)
    for wrong, message in (
        (returns[::-1], "must be increasing dates"),
        (returns.reset_index(drop=True), "must be dates, got RangeIndex of 60, first 0"),
        (returns.iloc[:0], "there are no rows"),
    ):
        with pytest.raises(DataError, match=f"correlation, returns: .*{message}"):
            graphs.correlation(wrong)
    with pytest.raises(DataError, match="1 dates appear more than once, first 2019-01-02"):
        graphs.correlation(returns.iloc[[0, 1, 1, 2]])
    with pytest.raises(DataError, match="5 stocks appear more than once, first SH600000"):
        graphs.correlation(pd.concat([returns, returns.iloc[:, :5]], axis=1))


def test_members_are_those_of_the_returns_in_their_order():
    returns = leading(60)
    member = pd.DataFrame(True, returns.index, returns.columns)
    assert graphs.correlation(returns, member=member.copy())
    for wrong, message in (
        (member.iloc[:, ::-1], r"6 stocks .* first at 0: \['SH600005'\] there and \['SH600000'\]"),
        (
            member.iloc[:, :4],
            r"the 4 stocks of member .* first at 4: \[\] there and \['SH600004'\]",
        ),
        (member.iloc[20:], r"the 40 dates of member are not the 60 .* first at 0: \['2019-01-29"),
        (member.astype(float), "6 of 6 columns of member are not bool, first SH600000 of float64"),
    ):
        with pytest.raises(DataError, match=message):
            graphs.correlation(returns, member=wrong)
    late = member.iloc[20:, ::-1].reindex(
        index=returns.index, columns=returns.columns, fill_value=False
    )
    assert graphs.correlation(returns, member=late)
