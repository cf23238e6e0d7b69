"""Labels by date, whoever reads them: groups that make edges, or concepts."""

import numpy as np
import pandas as pd
import pytest

from alpha.graphs import Concepts, from_labels
from alpha.settings import plain
from market import DataError

CODES = pd.Index(["SH600000", "SH600001", "SH600002", "SH600003"])
DATES = pd.bdate_range("2020-01-01", periods=5)
READERS = [from_labels, Concepts.from_labels]


def panel(*rows, dates=DATES, stocks=CODES):
    return pd.DataFrame(rows * (len(dates) // len(rows)), dates, stocks)


def concepts_of(labels, row=0):
    """Concept of each stock by name."""
    concepts = Concepts.from_labels(labels)
    stock, concept = concepts.bind(labels.index, labels.columns).members(row, np.arange(4))
    return {str(labels.columns[s]): concepts.names[c] for s, c in zip(stock, concept, strict=True)}


@pytest.mark.parametrize("read", READERS)
def test_labels_out_of_order_are_refused(read):
    labels = panel(["x", "y", "x", "y"])
    with pytest.raises(DataError, match="increasing dates; use sort_index"):
        read(labels.iloc[[2, 0, 1, 3, 4]])
    with pytest.raises(DataError, match="must be dates, got RangeIndex"):
        read(labels.reset_index(drop=True))
    with pytest.raises(DataError, match="1 dates appear more than once, first 2020-01-02"):
        read(labels.iloc[[0, 1, 1, 2]])
    with pytest.raises(DataError, match="1 stocks appear more than once, first SH600001"):
        read(labels[[CODES[0], CODES[1], CODES[1]]])
    with pytest.raises(DataError, match="days without a time or a zone, got 2020-01-01 20:00"):
        read(labels.set_axis(DATES + pd.Timedelta(hours=20)))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("blank", ["", "  ", "-1"])
def test_a_blank_label_is_no_group_of_those_that_have_none(read, blank):
    labels = panel(["bank", "steel", "bank", "steel"])
    labels.iloc[3:, 1:3] = blank
    with pytest.raises(
        DataError, match=f"4 of 20 labels are blank, first '{blank}' of SH600001 on 2020-01-06"
    ):
        read(labels)


def test_missing_labels_are_never_names():
    wanted = {"SH600000": "0", "SH600003": "3"}
    assert concepts_of(panel([0, -1, -1, 3])) == wanted
    assert Concepts.from_labels(panel([0, -1, -1, 3])).names == ("0", "3")
    mixed = panel(["a", None, np.nan, -1])
    assert concepts_of(mixed) == {"SH600000": "a"}
    assert repr(Concepts.from_labels(mixed)) == "Concepts: 1 of 1 stocks"
    assert from_labels(mixed).kinds == ("a",)
    assert from_labels(panel([2, -1, -1, 2])).labels[0].tolist() == [0, -1, -1, 0]
    assert Concepts.from_labels(panel([-1, -1, -1, -1])).names == ()


@pytest.mark.parametrize("read", READERS)
def test_labels_say_nothing_of_other_sessions(read):
    labels = panel(["x", "y", "x", "y"])
    for stranger in ("2031-01-01", "2010-01-01"):
        sessions = DATES.append(pd.DatetimeIndex([stranger])).sort_values()
        with pytest.raises(
            DataError,
            match=f"no labels on 1 of 6 sessions, first {stranger}; it covers 2020-01-01 to",
        ):
            read(labels).bind(sessions, CODES)
    assert read(labels).bind(DATES[1:3], CODES[:2])


def test_a_table_of_memberships_has_no_sessions_to_end_with():
    table = pd.DataFrame({"stock": CODES[:2], "concept": "ai", "since": DATES[0]})
    bound = Concepts.from_frame(table, CODES).bind(pd.DatetimeIndex(["2031-01-01"]), CODES)
    assert bound.members(0, np.arange(4)).shape == (2, 2)


def test_the_sessions_of_labels_are_kept_with_a_run():
    one, longer = (panel(["x", "y", "x", "y"], dates=DATES[:n]) for n in (4, 5))
    assert plain(Concepts.from_labels(one)) != plain(Concepts.from_labels(longer))
