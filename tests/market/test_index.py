"""Weights rolled by price, members that join and leave, levels."""

import numpy as np
import pandas as pd
import pytest

from market import DataError
from market.index import rolled_weights
from tests.market.worlds import flat_market

NAN = float("nan")


def test_weights_roll_with_prices_between_snapshots():
    snapshot = np.full((3, 2), np.nan, dtype=np.float32)
    snapshot[0] = [0.5, 0.5]
    price = np.array([[10.0, 10.0], [12.0, 10.0], [12.0, 8.0]])
    rolled = rolled_weights(np.ones((3, 2), bool), snapshot, price, np.full((3, 2), np.nan))
    assert rolled[1] == pytest.approx([6 / 11, 5 / 11], rel=1e-6)
    assert rolled[2] == pytest.approx([0.6, 0.4], rel=1e-6)


def test_a_member_that_joins_between_snapshots_is_weighted_by_its_size_and_a_leaver_drops_out():
    member = np.array([[True, True, False], [True, False, True]])
    snapshot = np.array([[0.75, 0.25, np.nan], [np.nan] * 3], dtype=np.float32)
    value = np.array([[300.0, 100.0, 200.0]] * 2)
    rolled = rolled_weights(member, snapshot, np.ones((2, 3)), value)
    assert rolled[1] == pytest.approx([0.6, 0.0, 0.4], rel=1e-6)  # 300 : 200


def test_a_member_that_never_traded_has_no_weight():
    price = np.array([[1.0, np.nan], [1.0, np.nan]])
    snapshot = np.array([[0.5, 0.5], [np.nan, np.nan]], dtype=np.float32)
    rolled = rolled_weights(np.ones((2, 2), bool), snapshot, price, np.ones((2, 2)))
    assert rolled[1].tolist() == [1.0, 0.0]


def test_there_is_no_weight_before_the_first_snapshot():
    snapshot = np.full((3, 1), np.nan, dtype=np.float32)
    snapshot[1] = 1.0
    m = flat_market(
        {"SH600000": [1.0, 1.0, 1.0]},
        fields={"member:mine": np.ones((3, 1), bool), "snapshot:mine": snapshot},
    )
    with pytest.raises(DataError, match="first date with weights is 2021-03-02"):
        m.index("mine").weights_on("2021-03-01")
    assert m.index("mine").weights_on("2021-03-02").to_dict() == {"SH600000": 1.0}


def test_an_index_without_any_snapshot_has_no_weight():
    member = np.ones((3, 2), dtype=bool)
    unknown = np.full((3, 2), np.nan)
    assert np.isnan(rolled_weights(member, unknown, np.ones((3, 2)), unknown)).all()


def test_index_return_is_the_levels_when_published_and_the_weights_otherwise():
    fields = {
        "member:mine": np.ones((3, 2), bool),
        "snapshot:mine": np.array([[0.5, 0.5], [NAN, NAN], [NAN, NAN]], dtype=np.float32),
    }
    closes = {"SH600000": [10.0, 11.0, 11.0], "SH600001": [10.0, 10.0, 9.0]}
    m = flat_market(closes, fields=fields)
    computed = m.index("mine").returns().to_numpy()[1:]
    assert computed == pytest.approx([0.05, -0.1 * 10 / 21], rel=1e-5)
    levels = pd.DataFrame({"mine": [100.0, 110.0, 99.0]}, index=m.dates)
    published = m.with_levels(levels).index("mine").returns().to_numpy()[1:]
    assert published == pytest.approx([0.1, -0.1])


def test_weights_sum_to_one_on_every_date_of_every_index(world):
    for name in world.indexes:
        index = world.index(name)
        assert set(index.weights_on(world.dates[-1]).index) <= set(
            index.members_on(world.dates[-1])
        )
        total = index.weights().sum(axis=1)
        begun = total > 0
        np.testing.assert_allclose(total[begun], 1.0, atol=1e-5)
