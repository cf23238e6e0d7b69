"""A self-contained HTML page: headings, tables and pictures inside one file, nothing from a network."""

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

import pandas as pd

from market.run_files import write_atomic

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:76em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;font-size:13px;margin:.6em 0 1.4em;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.3em 0}td,th{padding:.15em .7em;text-align:right;
border-bottom:1px solid #ddd;white-space:nowrap}thead th{background:#f3f5f7}tbody th{text-align:left;
font-weight:500}tr.published{color:#777;font-style:italic}img{max-width:100%;display:block;margin:.6em 0}
nav a{margin-right:1.2em}li{margin:.1em 0}p.said{color:#555;max-width:60em}"""

Formats = Mapping[str, str]  # column -> format of its fractional numbers; "" is for the rest


class Page:
    """Grows from top to bottom; :attr:`tables` keeps every table by name."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.tables: dict[str, pd.DataFrame] = {}
        self.parts: list[str] = []
        self.headings: list[str] = []

    def heading(self, title: str, said: str = "") -> None:
        """Begin a section; ``said`` explains what follows."""
        self.headings.append(title)
        explained = f'<p class="said">{escape(said)}</p>' if said else ""
        self.parts.append(f'<h2 id="{_anchor(title)}">{escape(title)}</h2>{explained}')

    def items(self, *lines: str) -> None:
        """Write a list."""
        self.parts.append("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>")

    def table(
        self,
        name: str,
        table: pd.DataFrame,
        formats: Formats,
        published: pd.DataFrame | None = None,
    ) -> None:
        """Write a table; ``published`` rows, of the same columns, follow in grey."""
        self.tables[name] = table
        names = [name or "" for name in table.index.names]
        head = "".join(f"<th>{escape(str(c))}</th>" for c in [*names, *table.columns])
        rows = _rows(table, formats, "")
        if published is not None:
            rows += _rows(published.reindex(columns=table.columns), formats, ' class="published"')
        self.parts.append(
            f"<table><caption>{escape(name)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )

    def figure(self, caption: str, png: bytes) -> None:
        """Embed a picture."""
        said, code = escape(caption), base64.b64encode(png).decode()
        self.parts.append(f'<img alt="{said}" title="{said}" src="data:image/png;base64,{code}">')

    def html(self) -> str:
        """Return the whole page."""
        links = "".join(f'<a href="#{_anchor(h)}">{escape(h)}</a>' for h in self.headings)
        title = escape(self.title)
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{STYLE}</style></head><body><h1>{title}</h1><nav>{links}</nav>"
            + "\n".join(self.parts)
            + "</body></html>\n"
        )

    def write(self, path: Path) -> None:
        """Write the page, whole or not at all."""
        write_atomic(path, lambda draft: draft.write_text(self.html(), encoding="utf-8"))


def _rows(table: pd.DataFrame, formats: Formats, kind: str) -> list[str]:
    rows = []
    for label, values in zip(table.index, table.to_numpy(object), strict=True):
        names = label if isinstance(label, tuple) else (label,)
        cells = [f"<th>{escape(str(name))}</th>" for name in names]
        for column, value in zip(table.columns, values, strict=True):
            cells.append(f"<td>{_cell(value, formats.get(str(column), formats.get('', '')))}</td>")
        rows.append(f"<tr{kind}>{''.join(cells)}</tr>")
    return rows


def _cell(value: object, form: str) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else format(value, form)
    return "" if value is None or value is pd.NaT else escape(str(value))


def _anchor(title: str) -> str:
    return "-".join(title.lower().split())
