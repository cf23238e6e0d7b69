"""Reads a page back the way a browser would: tables, figures, lists, and every address asked for."""

from __future__ import annotations

import base64
import gzip
import json
from html.parser import HTMLParser


class Reader(HTMLParser):
    """Tables as lists of rows, pictures, figures with their data, and addresses."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.captions, self.kinds, self.images, self.addresses = [], [], [], [], []
        self.open, self.items, self.cell = [], [], None
        self.figures, self.headings, self.library, self.language = {}, [], "", ""
        self.caption = ""
        self.feed(text)
        assert self.open == []

    def table(self, caption):
        """The rows of the table with that caption, header first."""
        return self.tables[self.captions.index(caption)]

    def column(self, caption, name):
        """The cells of one column by the first cell of their row."""
        head, *rows = self.table(caption)
        return {row[0]: row[head.index(name)] for row in rows}

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.addresses += [given[k] for k in ("src", "href") if k in given]
        if tag == "html":
            self.language = given["lang"]
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
            self.kinds.append(given.get("class"))
        elif tag in ("td", "th", "caption", "li", "figcaption", "h2"):
            self.cell = ""
        elif tag == "img":
            self.images.append(given["src"])
        elif tag == "script":
            self.cell = "" if given.get("type") else None
            self.script = given.get("type"), given.get("id")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self.tables[-1][-1].append(self.cell)
        elif tag == "caption":
            self.captions.append(self.cell)
        elif tag == "li":
            self.items.append(self.cell)
        elif tag == "h2":
            self.headings.append(self.cell)
        elif tag == "figcaption":
            self.caption = self.cell
        elif tag == "script":
            self._script()

    def _script(self):
        kind, name = self.script
        if name == "library":
            assert self.library == ""
            self.library = gzip.decompress(base64.b64decode(self.cell, validate=True)).decode()
        elif kind == "application/json":
            self.figures[self.caption] = json.loads(self.cell)

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data
