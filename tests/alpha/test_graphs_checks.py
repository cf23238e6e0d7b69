"""What a graph looks like: described day by day, checked, and drawn."""

import warnings

import numpy as np
import pandas as pd
import pytest

from alpha import graphs
from tests.alpha.worlds import Drawn

STOCKS = pd.Index(["SH600000", "SH600001", "SH600002", "SZ000001", "SZ000002"])
A, B, C, D, F = STOCKS
DATES = pd.bdate_range("2020-01-01", "2020-12-31")
EVERYONE = np.arange(5)


def named(edges):
    """Edges as a set of "source>target" by the letters of the stocks."""
    return {f"{'ABCDF'[j]}>{'ABCDF'[i]}" for j, i in edges.T}


def table(*rows):
    return pd.DataFrame(rows, columns=["source", "target", "kind", "since", "until"])


TABLE = table(
    (A, B, "supply", "2020-03-02", None),
    (A, B, "rival", "2020-05-01", "2020-06-30"),
    (C, D, "rival", "2020-01-01", "2020-04-30"),
)


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
        graphs.checked(Drawn(edges), 0, EVERYONE, DATES)


def test_types_that_do_not_fit_the_edges_are_found_out():
    with pytest.raises(ValueError, match=r"types are \(3, 1\) beside 1 edges"):
        graphs.checked(Drawn([[0], [1]], np.ones((3, 1))), 0, EVERYONE, DATES)


def test_a_neighbourhood_is_drawn():
    rows = [(A, stock, "supply", "2020-01-01", None) for stock in (B, C)] + [
        (A, D, "rival", "2020-01-01", None),
        (B, C, "rival", "2020-01-01", None),
        (D, F, "rival", "2020-01-01", None),  # F is no neighbour of A
    ]
    relations = graphs.Relations.from_frame(table(*rows), STOCKS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of matplotlib's own dependencies
        axis = graphs.plot_neighbourhood(relations, A, "2020-03-02", STOCKS, names={A: "Alpha"})
        one = graphs.plot_neighbourhood(relations, A, "2020-03-02", STOCKS, most=1)
    assert axis.get_title() == "Alpha: 3 neighbours on 2020-03-02"
    assert {text.get_text() for text in axis.texts} == {"Alpha", B, C, D}
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["supply", "rival"]
    assert len(axis.lines) == 8  # three pairs with the centre and one beside it, both ways each
    assert one.get_title().endswith("the 1 strongest")
    with pytest.raises(ValueError, match="XX is not among the 5 stocks"):
        graphs.plot_neighbourhood(relations, "XX", "2020-03-02", STOCKS)
