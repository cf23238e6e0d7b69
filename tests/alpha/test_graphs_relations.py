"""Relations from tables, holders and concepts: point in time, checked, and drawn."""

import warnings

import numpy as np
import pandas as pd
import pytest

from alpha import graphs
from alpha.graphs.plots import plot_neighbourhood
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
    with pytest.raises(DataError, match="1 of 3 rows are used before"):
        graphs.Relations.from_frame(unknown, STOCKS)


def test_weights_columns_and_stocks_that_are_wrong_are_named():
    with pytest.raises(DataError, match="1 of 3 weights are not positive, first -1 at row 2"):
        graphs.Relations.from_frame(TABLE.assign(weight=[1.0, 2.0, -1.0]), STOCKS)
    with pytest.raises(DataError, match=r"without columns \['target'\]"):
        graphs.Relations.from_frame(TABLE.drop(columns="target"), STOCKS)
    with pytest.raises(DataError, match="graph 'relations', asked: 1 of 2 names are unknown"):
        graphs.Relations.from_frame(TABLE, STOCKS).bind(DATES, pd.Index([A, "SH777777"]))


def test_run_folders_tell_tables_apart():
    one = plain(graphs.Relations.from_frame(TABLE, STOCKS))
    assert one == plain(graphs.Relations.from_frame(TABLE, STOCKS))
    for other in (TABLE.assign(until=None), TABLE.iloc[:2], TABLE.assign(weight=2.0)):
        assert plain(graphs.Relations.from_frame(other, STOCKS)) != one


# shareholders

HELD = table(
    (A, "fund", "2020-01-01"),
    (B, "fund", "2020-01-01"),
    (C, "fund", "2020-02-03"),
    (A, "Ms Li", "2020-01-01"),
    (B, "Ms Li", "2020-01-01"),
    (B, "fund", "2020-04-01"),  # B's next list: Ms Li is not on it
    columns=("stock", "holder", "since"),
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
    held = table(*rows, columns=("stock", "holder", "since"))
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


# checks and the picture


def test_a_graph_is_described_day_by_day():
    found = graphs.describe(graphs.Relations.from_frame(TABLE, STOCKS), DATES, STOCKS, every=60)
    first, second, *_ = found.to_dict("records")
    assert (first["edges"], first["isolated"], first["max_degree"]) == (2, 3, 1)
    assert (second["edges"], second["isolated"], second["mutual"]) == (4, 1, 1.0)
    assert second["density"] == pytest.approx(4 / 20)
    assert second["kept"] == 1.0
    assert found["kept"].iloc[2] == pytest.approx(0.5)  # C and D have parted


def test_industries_have_types_by_their_labels():
    labels = pd.DataFrame([["bank", "steel", "bank", "steel", None]] * len(DATES), DATES, STOCKS)
    groups = graphs.from_labels(labels)
    assert groups.kinds == ("bank", "steel")
    grouped = groups.bind(DATES, STOCKS)
    edges, types = grouped.edges(3, EVERYONE), grouped.types(3, EVERYONE)
    assert named(edges) == {"A>C", "C>A", "B>D", "D>B"}
    assert types.argmax(axis=1).tolist() == [0 if i in (0, 2) else 1 for i in edges[1]]
    assert types.sum(axis=1).tolist() == [1, 1, 1, 1]
    assert graphs.describe(groups, DATES, STOCKS)["isolated"].eq(1).all()


class Broken:
    """A graph that returns what it is given."""

    def __init__(self, edges, types=None):
        self.found = np.array(edges)
        self.given = np.ones((self.found.shape[-1], 1), np.float32) if types is None else types

    def edges(self, row, columns):
        return self.found

    def types(self, row, columns):
        return self.given


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[0, 5], [1, 2]], "1 point outside"),
        ([[0, 1], [0, 2]], "1 relate a stock to itself"),
        ([[0, 0, 1], [1, 1, 2]], "1 are there twice"),
        ([[0.0], [1.0]], "must be int"),
    ],
)
def test_a_graph_that_breaks_its_promises_is_found_out(edges, message):
    with pytest.raises(ValueError, match=f"graph on 2020-01-01: .*{message}"):
        graphs.checked(Broken(edges), 0, EVERYONE, DATES)


def test_types_that_do_not_fit_the_edges_are_found_out():
    with pytest.raises(ValueError, match=r"types are \(3, 1\) beside 1 edges"):
        graphs.checked(Broken([[0], [1]], np.ones((3, 1))), 0, EVERYONE, DATES)


def test_a_neighbourhood_is_drawn():
    rows = [(A, stock, "supply", "2020-01-01", None) for stock in (B, C)] + [
        (A, D, "rival", "2020-01-01", None),
        (B, C, "rival", "2020-01-01", None),
        (D, F, "rival", "2020-01-01", None),  # F is no neighbour of A
    ]
    relations = graphs.Relations.from_frame(table(*rows), STOCKS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of matplotlib's own dependencies
        axis = plot_neighbourhood(relations, A, "2020-03-02", STOCKS, names={A: "Alpha"})
        one = plot_neighbourhood(relations, A, "2020-03-02", STOCKS, most=1)
    assert axis.get_title() == "Alpha: 3 neighbours on 2020-03-02"
    assert {text.get_text() for text in axis.texts} == {"Alpha", B, C, D}
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["supply", "rival"]
    assert len(axis.lines) == 8  # three pairs with the centre and one beside it, both ways each
    assert one.get_title().endswith("the 1 strongest")
    with pytest.raises(ValueError, match="XX is not among the 5 stocks"):
        plot_neighbourhood(relations, "XX", "2020-03-02", STOCKS)
