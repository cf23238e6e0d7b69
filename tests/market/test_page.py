"""A page is one file that needs nothing else, and holds what it was given."""

import numpy as np
import pandas as pd
import pytest

from market.page import TEXT, Page
from tests.page_reader import Reader

LIBRARY = "var Plotly = {newPlot: () => '</script>'};"
FIGURE = {"data": [{"x": [1, 2], "y": [0.5, None]}], "layout": {"title": "<b>5 < 6</b></script>"}}


def test_cells_hold_text_numbers_and_gaps():
    page = Page("a & b")
    page.table("t", pd.DataFrame({"x": ["<", 1.5], "y": [np.nan, 0.25]}), {"": ".2f", "y": ".0%"})
    read = Reader(page.html())
    assert read.tables[0][1:] == [["0", "<", ""], ["1", "1.50", "25%"]]
    assert "<h1>a &amp; b</h1>" in page.html()


def test_a_column_of_sentences_stands_to_the_left():
    page = Page("t")
    page.table("t", pd.DataFrame({"x": ["a long sentence"], "y": ["1"]}), {"x": TEXT})
    assert '<td class="text">a long sentence</td><td>1</td>' in page.html()
    assert '<th class="text">x</th><th>y</th>' in page.html()


def test_figures_and_library_come_back_as_they_were_given():
    page = Page("t", "zh", LIBRARY)
    page.plot("first & best", FIGURE)
    page.plot("second", {"data": [], "layout": {}}, half=True)
    read = Reader(page.html())
    assert read.figures == {"first & best": FIGURE, "second": {"data": [], "layout": {}}}
    assert read.library == LIBRARY
    assert read.language == "zh"
    assert page.html().count('class="half"') == 1
    assert read.addresses == []


def test_a_page_without_interactive_figures_carries_no_library():
    page = Page("t", library=LIBRARY)
    page.items("one line")
    assert Reader(page.html()).library == ""
    assert "<script" not in page.html()


def test_warnings_are_a_list_of_their_own_and_nothing_when_there_are_none():
    page = Page("t")
    page.warnings()
    assert page.parts == []
    page.warnings("prices < 0", "no VWAP")
    assert Reader(page.html()).items == ["prices < 0", "no VWAP"]
    assert '<ul class="warnings">' in page.html()


def test_a_figure_needs_the_library_and_finite_numbers():
    with pytest.raises(ValueError, match=r"'nav' needs plotly\.js; make the page with library="):
        Page("t").plot("nav", FIGURE)
    with pytest.raises(
        ValueError, match="'nav' holds a number that is not finite; write a gap as None"
    ):
        Page("t", library=LIBRARY).plot("nav", {"data": [{"y": [float("nan")]}]})


def test_a_page_on_disk_is_the_page(tmp_path):
    page = Page("t", library=LIBRARY)
    page.heading("第一章", "said <so>")
    page.plot("f", FIGURE)
    page.write(tmp_path / "deep" / "page.html")
    assert (tmp_path / "deep" / "page.html").read_text(encoding="utf-8") == page.html()
    assert Reader(page.html()).addresses == ["#第一章"]
