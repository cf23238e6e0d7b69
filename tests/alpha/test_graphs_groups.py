"""Graphs of groups: who is tied to whom, on which day."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alpha
from alpha.graphs import from_labels, industry
from alpha.graphs.groups import BoundGroups
from alpha.settings import plain
from market import DataError, Market
from tests.alpha.worlds import bars_market

CODES = [f"SH{600000 + i}" for i in range(5)]


@pytest.fixture
def classified():
    """Industry of five stocks: the second one changes on the third day, the last has none."""
    labels = np.array([[0, 0, 1, 1, -1]] * 4, np.int8)
    labels[2:, 1] = 1
    flat = bars_market(np.full((4, 5), 10.0))
    fields = {name: flat.values(name) for name in ("open", "high", "low", "close", "volume")}
    fields["industry"] = labels
    return Market(flat.dates, flat.stocks, fields, categories={"industry": ("bank", "steel")})


def pairs(edges):
    return sorted(map(tuple, edges.T.tolist()))


def test_an_industry_is_that_of_the_day(classified):
    bound = industry(classified).bind(classified.dates, classified.stocks)
    everyone = np.arange(5)
    assert pairs(bound.edges(1, everyone)) == [(0, 1), (1, 0), (2, 3), (3, 2)]
    assert pairs(bound.edges(2, everyone)) == [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)]


def test_edges_count_the_stocks_that_are_there(classified):
    bound = industry(classified).bind(classified.dates[2:], classified.stocks[[3, 1, 2]])
    assert pairs(bound.edges(0, np.array([0, 2]))) == [(0, 1), (1, 0)]
    assert bound.edges(0, np.array([1])).shape == (2, 0)
    assert bound.edges(0, np.array([], np.intp)).shape == (2, 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-1, 3), min_size=0, max_size=15))
def test_edges_are_all_ordered_pairs_of_a_label_by_receiver(labels):
    labels = np.array(labels, np.int8)
    edges = BoundGroups(labels[None], tuple("abcd")).edges(0, np.arange(len(labels)))
    same = (labels[:, None] == labels[None]) & (labels >= 0) & ~np.eye(len(labels), dtype=bool)
    assert edges.dtype == np.int64
    np.testing.assert_array_equal(edges[::-1], np.stack(np.nonzero(same)))


def test_later_labels_change_nothing(classified):
    later = classified.values("industry").copy()
    later[3:] = 0
    other = industry(classified.with_fields({"industry": later}))
    for row in range(3):
        np.testing.assert_array_equal(
            *(
                graph.bind(classified.dates, classified.stocks).edges(row, np.arange(5))
                for graph in (industry(classified), other)
            )
        )
    assert plain(other) != plain(industry(classified))  # what run folders compare
    assert plain(industry(classified)) == plain(industry(classified))


def test_labels_of_any_kind_make_a_graph():
    dates = pd.bdate_range("2020-01-01", periods=2, name="date")
    frame = pd.DataFrame([["a", "b", "a", None, "b"], [None] * 5], dates, CODES)
    bound = from_labels(frame, "letters").bind(dates, pd.Index(CODES))
    assert pairs(bound.edges(0, np.arange(5))) == [(0, 2), (1, 4), (2, 0), (4, 1)]
    assert bound.edges(1, np.arange(5)).shape == (2, 0)
    codes = from_labels(pd.DataFrame([[0, -1, 0, -1, -1]], dates[:1], CODES))
    assert pairs(codes.bind(dates[:1], pd.Index(CODES)).edges(0, np.arange(5))) == [(0, 2), (2, 0)]


def test_what_a_graph_does_not_cover_is_named(classified):
    graph = industry(classified)
    with pytest.raises(ValueError, match="no labels on 1 of 1 sessions, first 2030-01-01"):
        graph.bind(pd.DatetimeIndex(["2030-01-01"]), classified.stocks)
    with pytest.raises(ValueError, match=r"1 of 1 stocks have no column.*'SZ000001'"):
        graph.bind(classified.dates, pd.Index(["SZ000001"]))
    with pytest.raises(DataError, match="industry"):
        industry(bars_market(np.full((4, 5), 10.0)))


def test_labels_that_are_no_panel_are_refused():
    dates = pd.DatetimeIndex(["2020-01-02", "2020-01-01"])
    with pytest.raises(ValueError, match="increasing dates"):
        from_labels(pd.DataFrame(0, dates, CODES))
    with pytest.raises(ValueError, match="stocks appear more than once, first a"):
        from_labels(pd.DataFrame(0, dates[::-1], ["a", "a"]))


def test_a_model_that_needs_a_graph_is_fitted_with_one(toy):
    """The masked attention scores the test days from edges that the fit made."""
    thirds = pd.DataFrame(np.tile(np.arange(30) % 3, (700, 1)), toy.dates, toy.stocks)
    splits = alpha.WalkForward(train="1y", valid="6m", test="6m")
    config = alpha.TrainConfig(epochs=1, every=10)
    ask = {"splits": splits, "config": config, "label": alpha.labels.vwap_1}
    model = alpha.GAT(hidden=8, heads=2, steps=3)
    fitted = alpha.fit(model, toy, graph=from_labels(thirds), **ask)
    assert fitted.scores().notna().sum().sum() > 1000
    with pytest.raises(ValueError, match=r"alpha\.graphs\.industry"):
        alpha.fit(model, toy, **ask)
