"""Defects are found, counted, named, and raised when they would make results wrong."""

import numpy as np
import pytest

from market import DataError, validate
from tests.market.worlds import flat_market


def test_a_sound_market_has_no_defects(world):
    assert validate(world)["defect"].tolist() in ([], ["jump beyond twice the limit"])


def test_a_high_below_the_low_is_raised_with_stock_and_date():
    high = np.array([[10.0, 5.0], [9.0, 5.0]], dtype=np.float32)
    m = flat_market({"SH600000": [10.0, 10.0], "SH600001": [5.0, 5.0]}, fields={"high": high})
    with pytest.raises(DataError, match=r"high below low in 1 cells, first SH600000 on 2021-03-02"):
        validate(m)
    table = validate(m, tolerate=["high below low", "close outside the day's range"])
    assert table["count"].tolist() == [1, 1]


def test_a_jump_without_a_corporate_action_is_counted():
    closes = [10.0] * 12 + [25.0]
    m = flat_market({"SH600000": closes, "SH600001": [5.0] * 13})
    table = validate(m)
    assert table["defect"].tolist() == ["jump beyond twice the limit"]
    assert table["first_date"].iloc[0] == m.dates[12]


def test_a_negative_price_is_fatal_and_an_unknown_defect_name_is_refused():
    m = flat_market({"SH600000": [10.0, -1.0]})
    with pytest.raises(DataError, match="non-positive price"):
        validate(m)
    with pytest.raises(DataError, match="typo"):
        validate(m, tolerate=["typo"])
