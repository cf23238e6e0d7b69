"""A page in the making: words of one language, tables kept as numbers, figures drawn by plotly.js."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from backtest.labels import Labels
from backtest.report_text import shown, shown_across
from market.page import TEXT, Page

LONGEST = 60  # rows of a table on a page; the whole table is among ``Draft.tables``
SENTENCES = ("relaxations", "status", "error", "value")  # columns that hold text


class Draft:
    """A page in one language, and its tables as numbers."""

    def __init__(self, key: str, language: str, title: str | None, library: str) -> None:
        self.words = Labels(language)
        self.page = Page(title or self.words(key), language, library)
        self.tables: dict[str, pd.DataFrame] = {}

    def heading(self, key: str, said: str = "") -> None:
        """Begin a section."""
        self.page.heading(self.words(key), self.words(said) if said else "")

    def table(
        self,
        key: str,
        table: pd.DataFrame,
        short: pd.DataFrame | None = None,
        *,
        across: bool = False,
        of: str = "",
        **values: object,
    ) -> None:
        """Write and keep a table; nothing when it is empty.

        ``short`` is written in its place, for one too long; ``across`` says that a row is a measure, ``of``
        what the table is one of several about.
        """
        if table.empty:
            return
        self.tables[f"{of}: {key}" if of else key] = table
        write = shown_across if across else shown
        printed = write((table if short is None else short).iloc[:LONGEST], self.words)
        sentences = () if across else SENTENCES
        told = {self.words(c): TEXT for c in table.columns if c in sentences}
        self.page.table(self.words(key, of=of, **values), printed, told)
        if short is None and len(table) > LONGEST:
            self.page.items(self.words("more_rows", count=len(table) - LONGEST))

    def plot(self, key: str, figure: Mapping[str, Any], **values: object) -> None:
        """Draw a figure."""
        self.page.plot(self.words(key, **values), figure)
