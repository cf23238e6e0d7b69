"""One day is one batch: who is in it, what its window holds, and that it has one date."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from alpha.windows import SlidingWindows
from tests.alpha.worlds import Drawn, make_days


@pytest.fixture
def days():
    """24 stocks whose feature 0 is 1000 * day + stock; a third are absent each day."""
    found = make_days(days=30, stocks=24, features=2, steps=4)
    found.windows.x[..., 0] = 1000 * np.arange(30)[:, None] + np.arange(24)[None, :]
    found.present[np.add.outer(np.arange(30), np.arange(24)) % 3 == 0] = False
    return found


def test_a_batch_holds_the_windows_of_the_stocks_present(days):
    batch = days.batch(10, labelled=True)
    columns = np.flatnonzero(days.present[10])
    assert batch.date == days.dates[10]
    assert list(batch.codes) == list(days.stocks[columns])
    assert batch.x.shape == (16, 4, 2)
    assert bool(batch.present.all())
    np.testing.assert_array_equal(batch.x[3, :, 0], 1000 * np.arange(7, 11) + columns[3])
    np.testing.assert_array_equal(batch.y, days.y[10, columns])


def test_windows_are_views_and_the_gathered_block_is_time_major(days):
    assert np.shares_memory(days.windows.window(10), days.windows.x)
    assert days.batch(10, labelled=False).x.transpose(0, 1).is_contiguous()


def test_labels_are_absent_at_predict_and_masked_where_unknown(days):
    assert days.batch(10, labelled=False).y is None
    assert days.batch(10, labelled=False).label_mask is None
    days.y[10, 1] = np.nan
    batch = days.batch(10, labelled=True)
    assert batch.label_mask.tolist() == [True, False] + 14 * [True]  # stocks 0, 1, 3, 4, ...
    assert batch.y[1] == 0


def test_the_union_of_all_batches_covers_each_row_once(days):
    seen = np.zeros(days.present.shape, int)
    for row in days.servable(np.arange(30)):
        batch = days.batch(row, labelled=False)
        np.add.at(seen, (row, days.stocks.get_indexer(batch.codes)), 1)
    np.testing.assert_array_equal(seen[3:], days.present[3:].astype(int))
    assert (seen[:3] == 0).all()


def test_days_without_a_window_or_without_stocks_are_not_servable(days):
    days.present[20] = False
    np.testing.assert_array_equal(
        days.servable(np.arange(30)), [t for t in range(3, 30) if t != 20]
    )
    with pytest.raises(
        ValueError,
        match="no window of 4 steps ends on 2020-01-03: the first whole one ends on 2020-01-06",
    ):
        days.batch(2, labelled=False)


def test_rows_keep_their_number_when_the_features_start_later(days):
    part = replace(days, windows=SlidingWindows(days.windows.x[8:], start=8, steps=4))
    np.testing.assert_array_equal(
        part.batch(12, labelled=False).x, days.batch(12, labelled=False).x
    )
    assert part.servable(np.arange(30))[0] == 11


def test_the_table_of_rows_holds_flat_windows_of_labelled_stocks(days):
    days.y[11, 2] = np.nan
    x, y = days.rows_table(np.array([10, 11]))
    kept = days.present[10:12] & ~np.isnan(days.y[10:12])
    assert x.shape == (kept.sum(), 4 * 2)
    np.testing.assert_array_equal(x[:, 6], days.windows.x[10:12, :, 0][kept])
    np.testing.assert_array_equal(x[:, 1], days.windows.x[7:9, :, 1][kept])
    np.testing.assert_array_equal(y, days.y[10:12][kept])


def test_the_table_of_one_step_holds_the_features_of_the_day(days):
    today = replace(days, windows=replace(days.windows, steps=1))
    x, _ = today.rows_table(np.array([10]))
    kept = days.present[10] & ~np.isnan(days.y[10])
    np.testing.assert_array_equal(x, days.windows.x[10][kept])


def test_a_day_with_all_stocks_is_the_window_itself():
    days = make_days(days=12, stocks=5, features=3, steps=4)
    batch = days.batch(7, labelled=True)
    assert np.shares_memory(batch.x.numpy(), days.windows.x)
    np.testing.assert_array_equal(batch.x.numpy(), days.windows.x[4:8].transpose(1, 0, 2))
    assert batch.codes.equals(days.stocks)


def test_a_day_of_one_stock_is_a_batch_of_one(days):
    days.present[10] = np.arange(24) == 5
    batch = days.batch(10, labelled=True)
    assert batch.x.shape == (1, 4, 2)
    assert list(batch.codes) == [days.stocks[5]]
    assert float(batch.x[0, -1, 0]) == 10_005


def test_a_day_without_labels_has_an_empty_mask_and_no_rows(days):
    days.y[10] = np.nan
    batch = days.batch(10, labelled=True)
    assert not batch.label_mask.any()
    assert (batch.y == 0).all()
    x, y = days.rows_table(np.array([10]))
    assert (len(x), len(y)) == (0, 0)


class Neighbours:
    """Each present stock listens to the one before it, in the order of the batch."""

    def edges(self, row, columns):
        return np.stack([np.arange(len(columns) - 1), np.arange(1, len(columns))])


def test_edges_name_places_in_the_batch(days):
    assert days.batch(10, labelled=False).edges is None
    batch = replace(days, graph=Neighbours()).batch(10, labelled=False)
    assert batch.edges.dtype == torch.int64
    assert batch.edges.shape == (2, 15)
    assert int(batch.edges.max()) == len(batch.codes) - 1


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        ([[0, 16], [1, 2]], r"1 point outside them .* first edge 1 from 16 to 2; .* 0 to 15"),
        ([[0, 1], [1, 99]], r"1 point outside them .* first edge 1 from 1 to 99"),
        ([[-1, 1, -1], [0, 0, 2]], r"of 3 edges among 16 stocks 2 point outside .* from -1 to 0"),
        ([[0, 4], [1, 4]], r"1 relate a stock to itself, first edge 1 from 4 to 4"),
        ([[0.0], [1.0]], r"edges are float64 \(2, 1\); they must be int64 \[2, E\]"),
        ([[0, 1, 2]], r"edges are int64 \(1, 3\)"),
    ],
)
def test_edges_that_are_no_positions_of_the_day_are_refused(days, edges, words):
    with pytest.raises(ValueError, match=f"graph Drawn on 2020-01-15: .*{words}"):
        replace(days, graph=Drawn(edges)).batch(10, labelled=False)


@pytest.mark.parametrize(
    ("types", "words"),
    [
        (np.ones((1, 1), np.float32), r"types are \(1, 1\) beside 2 edges"),
        (np.ones(2, np.float32), r"types are \(2,\) beside 2 edges"),
        (np.array([[1.0], [np.nan]], np.float32), r"1 of 2 edges .* first edge 1 from 2 to 0"),
        (np.array([[-np.inf], [1.0]], np.float32), r"1 of 2 edges .* first edge 0 from 1 to 0"),
    ],
)
def test_types_that_are_no_weights_of_the_edges_are_refused(days, types, words):
    graph = Drawn([[1, 2], [0, 0]], types)
    assert replace(days, graph=graph).batch(10, labelled=False).edge_type is None
    with pytest.raises(ValueError, match=f"graph Drawn on 2020-01-15: .*{words}"):
        replace(days, graph=graph, typed=True).batch(10, labelled=False)


def test_a_day_without_edges_and_edges_of_half_the_width_are_taken(days):
    nobody = Drawn(np.zeros((2, 0), np.int64))
    batch = replace(days, graph=nobody, typed=True).batch(10, labelled=False)
    assert batch.edges.shape == (2, 0)
    assert batch.edge_type.shape == (0, 1)
    short = replace(days, graph=Drawn(np.array([[1], [0]], np.int32))).batch(10, labelled=False)
    assert short.edges.dtype == torch.int64
    assert short.edges.tolist() == [[1], [0]]
