"""Relations from tables and from concepts: point in time, and checked."""

import numpy as np
import pandas as pd
import pytest

from alpha import graphs
from alpha.settings import plain
from market import DataError

STOCKS = pd.Index(["SH600000", "SH600001", "SH600002", "SZ000001", "SZ000002"])
A, B, C, D, F = STOCKS
DATES = pd.bdate_range("2020-01-01", "2020-12-31")
EVERYONE = np.arange(5)


def day(text):
    return int(DATES.get_indexer([pd.Timestamp(text)])[0])


def named(edges, columns=EVERYONE):
    """Edges as a set of "source>target" by the letters of the stocks."""
    letters = np.array(list("ABCDF"))[columns]
    return {f"{letters[j]}>{letters[i]}" for j, i in edges.T}


def table(*rows, columns=("source", "target", "kind", "since", "until")):
    return pd.DataFrame(rows, columns=list(columns))


TABLE = table(
    (A, B, "supply", "2020-03-02", None),
    (A, B, "rival", "2020-05-01", "2020-06-30"),
    (C, D, "rival", "2020-01-01", "2020-04-30"),
)


def bound(**settings):
    return graphs.Relations.from_frame(TABLE, STOCKS, **settings).bind(DATES, STOCKS)


# tables


def test_a_relation_holds_from_the_day_it_is_known_to_its_last():
    relations = bound()
    on = {
        text: named(relations.edges(day(text), EVERYONE))
        for text in ("2020-02-28", "2020-03-02", "2020-04-30", "2020-05-01", "2020-12-31")
    }
    assert on["2020-02-28"] == {"C>D", "D>C"}
    assert on["2020-03-02"] == on["2020-04-30"] == {"C>D", "D>C", "A>B", "B>A"}
    assert on["2020-05-01"] == on["2020-12-31"] == {"A>B", "B>A"}


def test_the_kinds_of_a_pair_stand_beside_its_one_edge():
    relations = bound(undirected=False)
    assert relations.kinds == ("rival", "supply")
    for text, expected in {
        "2020-03-02": {"A>B": [0, 1], "C>D": [1, 0]},
        "2020-06-30": {"A>B": [1, 1]},
        "2020-07-01": {"A>B": [0, 1]},
    }.items():
        edges, types = relations.edges(day(text), EVERYONE), relations.types(day(text), EVERYONE)
        found = {
            name: row.tolist()
            for (pair, row) in zip(edges.T, types, strict=True)
            for name in named(pair[:, None])
        }
        assert found == expected


def test_edges_are_positions_among_the_stocks_of_the_day():
    columns = np.array([1, 0, 3])  # B, A, D: C is not there
    relations = bound()
    assert named(relations.edges(day("2020-04-01"), columns), columns) == {"A>B", "B>A"}
    few = graphs.Relations.from_frame(TABLE, STOCKS).bind(DATES, STOCKS[[3, 2]])
    assert sorted(few.edges(0, np.arange(2)).T.tolist()) == [[0, 1], [1, 0]]
    assert relations.edges(0, np.array([0])).shape == (2, 0)
    assert relations.types(0, np.array([0])).shape == (0, 2)


def test_weights_of_rows_that_hold_together_add_up():
    two = table(
        (A, B, 2.0, "2020-01-01", None),
        (A, B, 0.5, "2020-02-03", None),
        columns=("source", "target", "weight", "since", "until"),
    )
    relations = graphs.Relations.from_frame(two, STOCKS).bind(DATES, STOCKS)
    assert relations.types(0, EVERYONE)[:, 0].tolist() == [2, 2]
    assert relations.types(day("2020-02-03"), EVERYONE)[:, 0].tolist() == [2.5, 2.5]


def test_a_later_row_of_the_table_changes_nothing_before_it():
    longer = pd.concat([TABLE, table((B, F, "rival", "2020-08-03", None))])
    for text in ("2020-02-28", "2020-05-04", "2020-07-31"):
        other = graphs.Relations.from_frame(longer, STOCKS).bind(DATES, STOCKS)
        np.testing.assert_array_equal(
            other.edges(day(text), EVERYONE), bound().edges(day(text), EVERYONE)
        )
        np.testing.assert_array_equal(
            other.types(day(text), EVERYONE), bound().types(day(text), EVERYONE)
        )


def test_a_snapshot_has_to_be_asked_for_and_warns():
    snapshot = TABLE[["source", "target", "kind"]]
    with pytest.raises(DataError, match="no column since"):
        graphs.Relations.from_frame(snapshot, STOCKS)
    with pytest.warns(UserWarning, match="has no history: its 3 rows are used on all days"):
        relations = graphs.Relations.from_frame(snapshot, STOCKS, point_in_time=False)
    assert not relations.point_in_time
    edges = relations.bind(DATES, STOCKS).edges(0, EVERYONE)
    assert named(edges) == {"A>B", "B>A", "C>D", "D>C"}
    with pytest.raises(DataError, match="would throw away"):
        graphs.Relations.from_frame(TABLE, STOCKS, point_in_time=False)


BAD = {
    "2 of 4 names are unknown, first ['SH999999', 'SH888888']": (
        [("SH999999", A, "x", "2020-01-01", None), (B, "SH888888", "x", "2020-01-01", None)]
    ),
    "relate a stock to itself, first SH600000": [(A, A, "x", "2020-01-01", None)],
    "end before they begin, first row 0: since 2020-03-02, until 2020-03-01": (
        [(A, B, "x", "2020-03-02", "2020-03-01")]
    ),
    "1 of 2 rows have no since, first at row 1": (
        [(A, B, "x", "2020-01-01", None), (A, C, "x", None, None)]
    ),
    "2 rows repeat another, first SH600001 -> SH600000; drop duplicates, or pass undirected": (
        [(A, B, "x", "2020-01-01", None), (B, A, "x", "2020-01-01", None)]
    ),
    "1 of 2 rows have no kind, first SH600000 -> SH600002; name it, or leave the column out": (
        [(A, B, "x", "2020-01-01", None), (A, C, None, "2020-01-01", None)]
    ),
    "1 of 1 rows have no kind, first SH600000 -> SH600001": [(A, B, " ", "2020-01-01", None)],
}


@pytest.mark.parametrize("message", BAD)
def test_a_table_that_cannot_be_right_is_refused(message):
    with pytest.raises(DataError) as error:
        graphs.Relations.from_frame(table(*BAD[message]), STOCKS)
    assert message in str(error.value)


def test_a_relation_used_before_it_was_published_is_refused():
    late = TABLE.assign(published=["2020-03-02", "2020-05-10", "2019-12-31"])
    with pytest.raises(DataError, match=r"1 of 3 rows are used before .* since 2020-05-01, publi"):
        graphs.Relations.from_frame(late, STOCKS)
    fixed = late.assign(since=late["published"])
    relations = graphs.Relations.from_frame(fixed, STOCKS).bind(DATES, STOCKS)
    assert relations.types(day("2020-05-08"), EVERYONE).sum() == 2
    unknown = TABLE.assign(published=["2020-03-02", None, "2019-12-31"])
    with pytest.raises(DataError, match="1 of 3 rows have no day of publication"):
        graphs.Relations.from_frame(unknown, STOCKS)


def test_weights_columns_and_stocks_that_are_wrong_are_named():
    with pytest.raises(DataError, match="1 of 3 weights are not positive and finite, first -1 at"):
        graphs.Relations.from_frame(TABLE.assign(weight=[1.0, 2.0, -1.0]), STOCKS)
    with pytest.raises(DataError, match=r"without columns \['target'\]"):
        graphs.Relations.from_frame(TABLE.drop(columns="target"), STOCKS)
    with pytest.raises(DataError, match="graph 'relations', asked: 1 of 2 names are unknown"):
        graphs.Relations.from_frame(TABLE, STOCKS).bind(DATES, pd.Index([A, "SH777777"]))


@pytest.mark.parametrize("weight", [np.inf, np.nan, 0.0, 1e300, 1e-300])
def test_a_weight_is_positive_and_finite_in_single_precision(weight):
    with pytest.raises(
        DataError, match=r"1 of 3 weights are not positive and finite, first .* row 1"
    ):
        graphs.Relations.from_frame(TABLE.assign(weight=[1.0, weight, 1.0]), STOCKS)


def test_stocks_and_kinds_that_are_given_twice_are_named():
    with pytest.raises(
        DataError, match="1 of the 6 known names are given more than once, first SH60"
    ):
        graphs.Relations.from_frame(TABLE, STOCKS.append(STOCKS[:1]))
    with pytest.raises(
        DataError, match="its kinds: 1 of the 3 known names are given more than once"
    ):
        bound(kinds=("supply", "rival", "supply"))


def test_run_folders_tell_tables_apart():
    one = plain(graphs.Relations.from_frame(TABLE, STOCKS))
    assert one == plain(graphs.Relations.from_frame(TABLE, STOCKS))
    for other in (TABLE.assign(until=None), TABLE.iloc[:2], TABLE.assign(weight=2.0)):
        assert plain(graphs.Relations.from_frame(other, STOCKS)) != one


# concepts


def concepts(*rows):
    frame = pd.DataFrame(rows, columns=["stock", "concept", "since", "until"])
    return graphs.Concepts.from_frame(frame, STOCKS)


ROWS = [
    (A, "ai", "2020-01-01", None),
    (B, "ai", "2020-01-01", "2020-03-31"),
    (C, "ai", "2020-06-01", None),
    (A, "steel", "2020-01-01", None),
    (B, "steel", "2020-02-03", None),
]


def test_stocks_that_share_concepts_are_neighbours_by_how_many_they_share():
    shared = graphs.SharedConcepts(concepts(*ROWS)).bind(DATES, STOCKS)
    for text, edges, weights in [
        ("2020-01-15", {"A>B", "B>A"}, [1, 1]),
        ("2020-02-03", {"A>B", "B>A"}, [2, 2]),
        ("2020-04-01", {"A>B", "B>A"}, [1, 1]),
        ("2020-06-01", {"A>B", "B>A", "A>C", "C>A"}, [1, 1, 1, 1]),
    ]:
        assert named(shared.edges(day(text), EVERYONE)) == edges
        assert shared.types(day(text), EVERYONE)[:, 0].tolist() == weights


def test_one_shared_concept_may_be_too_few_and_one_of_everybody_links_nobody():
    twice = graphs.SharedConcepts(concepts(*ROWS), least=2).bind(DATES, STOCKS)
    assert named(twice.edges(day("2020-02-03"), EVERYONE)) == {"A>B", "B>A"}
    assert twice.edges(day("2020-04-01"), EVERYONE).shape == (2, 0)
    everybody = [(stock, "listed", "2020-01-01", None) for stock in STOCKS]
    small = graphs.SharedConcepts(concepts(*ROWS, *everybody), largest=4).bind(DATES, STOCKS)
    assert named(small.edges(0, EVERYONE)) == {"A>B", "B>A"}


def test_a_concept_without_members_on_a_day_makes_no_edges():
    shared = graphs.SharedConcepts(concepts((A, "new", "2020-10-01", None))).bind(DATES, STOCKS)
    assert shared.edges(0, EVERYONE).shape == (2, 0)
    assert shared.types(0, EVERYONE).shape == (0, 1)
    with pytest.raises(ValueError, match="empty concept"):
        concepts((A, "", "2020-01-01", None))


def test_shared_concepts_by_a_loop_over_pairs():
    rng = np.random.default_rng(1)
    rows = [
        (s, f"c{c}", "2020-01-01", None) for s in STOCKS for c in range(6) if rng.random() < 0.5
    ]
    columns = np.array([4, 0, 2, 1])
    shared = graphs.SharedConcepts(concepts(*rows)).bind(DATES, STOCKS)
    sets = [{c for s, c, *_ in rows if s == STOCKS[k]} for k in columns]
    expected = {
        (j, i): len(sets[j] & sets[i])
        for i in range(4)
        for j in range(4)
        if i != j and sets[j] & sets[i]
    }
    edges, types = shared.edges(0, columns), shared.types(0, columns)
    found = {(j, i): int(t[0]) for (j, i), t in zip(edges.T.tolist(), types, strict=True)}
    assert found == expected
