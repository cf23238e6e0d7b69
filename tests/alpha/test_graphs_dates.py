"""Dates of relation tables are days that were meant: nothing is read as 1970, and no hour is cut off."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from alpha import graphs
from market import DataError

STOCKS = pd.Index(["SH600000", "SH600001", "SH600002"])
A, B, C = STOCKS
DATES = pd.bdate_range("2020-01-01", periods=6)


def relations(**dates):
    return graphs.Relations.from_frame(
        pd.DataFrame({"source": [A, B], "target": [B, C], **dates}), STOCKS
    )


def concepts(**dates):
    return graphs.Concepts.from_frame(
        pd.DataFrame({"stock": [A, B], "concept": ["ai", "ai"], **dates}), STOCKS
    )


def shareholders(**dates):
    return graphs.shareholders(
        pd.DataFrame({"stock": [A, B], "holder": ["fund", "fund"], **dates}), STOCKS
    )


MADE = [relations, concepts, shareholders]
GOOD = pd.Timestamp("2020-01-02")


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize(
    "numbers", [[20200102, 20200103], [20200102.0, np.nan], [20200102, "2020-01-03"]]
)
def test_a_date_written_as_a_number_is_not_read_as_1970(make, numbers):
    with pytest.raises(
        DataError,
        match=r'column since holds numbers, first 20200102, .* pd\.to_datetime\(\.\.\., format="%Y%m%d"\)',
    ):
        make(since=numbers)
    with pytest.raises(DataError, match="column until holds numbers, first 20200102"):
        make(since=GOOD, until=numbers)


def test_days_of_publication_that_are_numbers_are_refused_too():
    with pytest.raises(DataError, match="column published holds numbers, first 20200102"):
        relations(since=GOOD, published=20200102)


@pytest.mark.parametrize("make", MADE)
def test_a_day_before_the_exchanges_opened_is_refused(make):
    with pytest.raises(
        DataError, match="1 of 2 since are before 1990-01-01, first SH600001 1970-01-01"
    ):
        make(since=["2020-01-02", "1970-01-01"])
    assert make(since=["1990-01-01", "1990-01-01"])


@pytest.mark.parametrize("make", MADE)
def test_what_is_published_after_the_close_is_not_used_at_it(make):
    evening = pd.to_datetime(["2020-01-02 00:00", "2020-01-02 20:00"])
    with pytest.raises(
        DataError,
        match=r"1 of 2 since have a time of day, first SH600001 2020-01-02 20:00:00; .* next session",
    ):
        make(since=evening)
    with pytest.raises(DataError, match="1 of 2 until have a time of day, first SH600001"):
        make(since=GOOD, until=evening)


def test_a_publication_may_have_its_hour_and_counts_from_the_next_day():
    evening = pd.Timestamp("2020-01-02 20:00")
    with pytest.raises(
        DataError,
        match=r"2 of 2 rows are used before .* since 2020-01-02, published 2020-01-02 20:00",
    ):
        relations(since=GOOD, published=evening)
    bound = relations(since=pd.Timestamp("2020-01-03"), published=evening).bind(DATES, STOCKS)
    assert [bound.edges(row, np.arange(3)).shape[1] for row in range(4)] == [0, 0, 4, 4]


@pytest.mark.parametrize("make", MADE)
def test_days_in_a_time_zone_are_refused_by_its_name(make):
    with pytest.raises(
        DataError, match="column since is in the time zone UTC, first 2020-01-02 23"
    ):
        make(since=pd.Timestamp("2020-01-02 23:00", tz="UTC"))
    with pytest.raises(DataError, match=r"column since is in the time zone .*08:00"):
        make(since="2020-01-02T00:00+08:00")


def test_what_is_no_date_is_told_with_its_column():
    with pytest.raises(DataError, match="column since cannot be read as dates"):
        relations(since=["early in the year", "2020-01-03"])
    with pytest.raises(DataError, match="column since cannot be read as dates"):
        relations(since=["13/01/2020", "14/01/2020"])  # or the other way round in other rows
    with pytest.raises(DataError, match="column until cannot be read as dates"):
        relations(since=GOOD, until=pd.Timedelta("1D"))


@pytest.mark.parametrize(
    "text", [["2020", "2021"], ["2020-06", "2020-07"], ["01/02/2020", "03/02/2020"]]
)
def test_text_that_may_mean_several_days_is_refused(text):
    with pytest.raises(
        DataError, match=f"2 are written like '{text[0]}', which may mean several days"
    ):
        relations(since=text)


def test_a_publication_without_its_day_is_told_so():
    with pytest.raises(DataError, match="1 of 2 rows have no day of publication, first at row 1"):
        relations(since=GOOD, published=[GOOD, pd.NaT])


@pytest.mark.parametrize(
    "since",
    [
        ["2020-01-02", "2020-01-03"],
        ["20200102", "20200103"],
        [date(2020, 1, 2), date(2020, 1, 3)],
        pd.to_datetime(["2020-01-02", "2020-01-03"]).astype("datetime64[s]"),
    ],
)
@pytest.mark.parametrize("until", [None, np.nan, pd.NaT, [None, "2020-01-06"]])
def test_days_may_be_written_in_many_ways(since, until):
    bound = relations(since=since, until=until).bind(DATES, STOCKS)
    found = [bound.edges(row, np.arange(3)).shape[1] for row in range(5)]
    assert found == [0, 2, 4, 4, 2 if isinstance(until, list) else 4]


@pytest.mark.parametrize("column", ["since", "until", "published"])
def test_a_snapshot_with_dates_is_refused_and_the_column_named(column):
    table = pd.DataFrame({"source": ["A"], "target": ["B"], column: pd.Timestamp("2020-01-02")})
    with pytest.raises(DataError, match=f"it has a column {column}, which point_in_time=False"):
        graphs.Relations.from_frame(table, pd.Index(["A", "B"]), point_in_time=False)
