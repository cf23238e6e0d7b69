"""Relations by ownership: holders in common, and listed companies that own each other."""

import numpy as np
import pandas as pd
import pytest

from alpha import graphs
from market import DataError

STOCKS = pd.Index(["SH600000", "SH600001", "SH600002", "SZ000001", "SZ000002"])
A, B, C, D, _ = STOCKS
DATES = pd.bdate_range("2020-01-01", "2020-12-31")
EVERYONE = np.arange(5)


def day(text):
    return int(DATES.get_indexer([pd.Timestamp(text)])[0])


def named(edges):
    """Edges as a set of "source>target" by the letters of the stocks."""
    return {f"{'ABCDF'[j]}>{'ABCDF'[i]}" for j, i in edges.T}


def table(*rows):
    return pd.DataFrame(rows, columns=["stock", "holder", "since"])


HELD = table(
    (A, "fund", "2020-01-01"),
    (B, "fund", "2020-01-01"),
    (C, "fund", "2020-02-03"),
    (A, "Ms Li", "2020-01-01"),
    (B, "Ms Li", "2020-01-01"),
    (B, "fund", "2020-04-01"),  # B's next list: Ms Li is not on it
)


def test_stocks_with_a_holder_in_common_are_related_while_both_lists_say_so():
    relations = graphs.shareholders(HELD, STOCKS).bind(DATES, STOCKS)
    first, later, last = (day(text) for text in ("2020-01-15", "2020-02-03", "2020-04-01"))
    assert named(relations.edges(first, EVERYONE)) == {"A>B", "B>A"}
    assert relations.types(first, EVERYONE)[:, 0].tolist() == [2, 2]  # the fund and Ms Li
    six = {"A>B", "B>A", "A>C", "C>A", "B>C", "C>B"}
    assert named(relations.edges(later, EVERYONE)) == six
    assert named(relations.edges(last, EVERYONE)) == six
    assert relations.types(last, EVERYONE)[:, 0].tolist() == [1] * 6


def test_a_holder_of_many_stocks_links_no_more_of_them():
    relations = graphs.shareholders(HELD, STOCKS, largest=2).bind(DATES, STOCKS)
    assert named(relations.edges(day("2020-02-03"), EVERYONE)) == {"A>B", "B>A"}


def test_listed_owners_are_related_to_what_they_own():
    owned = HELD.assign(holder_stock=[None, None, D, None, None, None])
    relations = graphs.shareholders(owned, STOCKS).bind(DATES, STOCKS)
    assert relations.kinds == ("common holder", "owner", "owned")
    edges = relations.edges(day("2020-03-02"), EVERYONE)
    types = relations.types(day("2020-03-02"), EVERYONE)
    by_name = {
        n: t.tolist() for e, t in zip(edges.T, types, strict=True) for n in named(e[:, None])
    }
    assert by_name["D>C"] == [0, 1, 0]
    assert by_name["C>D"] == [0, 0, 1]
    strange = HELD.assign(holder_stock=[None, None, "HK00001", None, None, None])
    with pytest.raises(DataError, match="first \\['HK00001'\\]"):
        graphs.shareholders(strange, STOCKS)


def test_holders_by_a_loop_over_days():
    rng = np.random.default_rng(0)
    rows = []
    for stock in STOCKS:
        for since in np.sort(rng.choice(200, 4, replace=False)):
            rows += [(stock, f"h{h}", DATES[since]) for h in rng.choice(6, 3, replace=False)]
    held = table(*rows)
    relations = graphs.shareholders(held, STOCKS).bind(DATES, STOCKS)
    for row in range(0, len(DATES), 7):
        known = held[held["since"] <= DATES[row]]
        latest = known[known["since"] == known.groupby("stock")["since"].transform("max")]
        sets = {s: set(latest["holder"][latest["stock"] == s]) for s in STOCKS}
        expected = {
            (j, i): len(sets[STOCKS[j]] & sets[STOCKS[i]])
            for i in range(5)
            for j in range(5)
            if i != j
        }
        edges, types = relations.edges(row, EVERYONE), relations.types(row, EVERYONE)
        found = {(j, i): int(t[0]) for (j, i), t in zip(edges.T.tolist(), types, strict=True)}
        assert found == {pair: count for pair, count in expected.items() if count}


def test_shareholders_without_anything_in_common_are_refused():
    with pytest.raises(DataError, match="no relation in 1 holdings"):
        graphs.shareholders(HELD.iloc[:1], STOCKS)
    with pytest.raises(DataError, match=r"without columns \['holder'\]"):
        graphs.shareholders(HELD.drop(columns="holder"), STOCKS)
    snapshot = HELD.drop(columns="since").drop_duplicates()
    with pytest.warns(UserWarning, match="has no history") as caught:
        graphs.shareholders(snapshot, STOCKS, point_in_time=False)
    assert len(caught) == 1


@pytest.mark.parametrize("blank", [None, "", " ", np.nan])
def test_a_holder_without_a_name_is_nobodys_holder_in_common(blank):
    held = HELD.assign(holder=["fund", "fund", blank, "Ms Li", blank, "fund"])
    with pytest.raises(
        DataError, match="2 of 6 holdings have a blank holder, first at row 2, of stock SH600002"
    ):
        graphs.shareholders(held, STOCKS)
    with pytest.raises(DataError, match="1 of 6 holdings have a blank stock, first at row 3"):
        graphs.shareholders(HELD.assign(stock=[A, B, C, blank, B, B]), STOCKS)
