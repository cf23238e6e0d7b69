"""A self-contained HTML page: headings, tables and figures inside one file, nothing from a network."""

import base64
import gzip
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from market.run_files import write_atomic

STYLE = """body{font:15px/1.5 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:76em;
margin:2em auto;padding:0 1em;color:#222}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px;margin:.6em 0 1.4em;
font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.3em 0;white-space:nowrap}td,th{padding:.15em .7em;text-align:right;
border-bottom:1px solid #ddd;white-space:nowrap}thead th{background:#f3f5f7;white-space:normal}tbody th{text-align:left;
font-weight:500}.text{text-align:left}td.text{white-space:normal}tr.published{color:#777;font-style:italic}
img{max-width:100%;display:block;margin:.6em 0}
nav a{margin-right:1.2em}li{margin:.1em 0}p.said{color:#555;max-width:60em}
ul.warnings{background:#fff6e5;border-left:4px solid #d98a00;padding:.6em 1em .6em 2em}
figure{margin:.8em 0 1.6em}figure.half{display:inline-block;width:49.5%;vertical-align:top}
figcaption{font-weight:600}
@page{size:A4;margin:13mm}
@media print{body{max-width:none;margin:0;padding:0;font-size:11px}nav,.modebar{display:none!important}
table{font-size:9px}td,th{padding:.1em .4em;white-space:normal}thead{display:table-header-group}
h2,caption,figcaption{break-after:avoid}tr,figure,img,ul.warnings{break-inside:avoid}
.wide{overflow:visible}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}"""

# Unpacks the library, then draws each figure from the data beside it. Paper is narrower than a screen,
# and what was drawn for one does not shrink by itself: hence the new size before printing.
SCRIPT = """(async () => {
  const shown = [...document.querySelectorAll("figure[data-plot]")].map(f =>
    [f.querySelector("div"), JSON.parse(f.querySelector("script").textContent)]);
  const sized = width => shown.forEach(([div]) => Plotly.relayout(div, width === null ?
    {autosize: true} : {width: div.parentElement.className === "half" ? width / 2 : width}));
  try {
    const packed = document.getElementById("library").textContent;
    const bytes = Uint8Array.from(atob(packed), c => c.charCodeAt(0));
    const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const library = document.createElement("script");
    library.textContent = await new Response(text).text();
    document.head.append(library);
    for (const [div, figure] of shown) await Plotly.newPlot(div, figure.data, figure.layout,
      {responsive: true, displaylogo: false});
    addEventListener("beforeprint", () => sized(680));
    addEventListener("afterprint", () => sized(null));
  } catch (error) {
    for (const [div] of shown) div.textContent = "not drawn: " + error;
    throw error;
  }
})();"""

Formats = Mapping[str, str]  # column -> format of its fractional numbers; "" is for the rest
TEXT = "s"  # the format of a column of sentences: to the left, in lines


class Page:
    """Grows from top to bottom; :attr:`tables` keeps every table by name.

    Parameters
    ----------
    title
        Heading of the page.
    language
        Of the text, as browsers know it: ``en``, ``zh``. It decides fonts and hyphenation.
    library
        Source of plotly.js for a page with :meth:`plot`; it is stored compressed, once.
    """

    def __init__(self, title: str, language: str = "en", library: str = "") -> None:
        self.title = title
        self.language = language
        self.library = library
        self.tables: dict[str, pd.DataFrame] = {}
        self.parts: list[str] = []
        self.headings: list[str] = []
        self.plots = 0

    def heading(self, title: str, said: str = "") -> None:
        """Begin a section; ``said`` explains what follows."""
        self.headings.append(title)
        explained = f'<p class="said">{escape(said)}</p>' if said else ""
        self.parts.append(f'<h2 id="{_anchor(title)}">{escape(title)}</h2>{explained}')

    def items(self, *lines: str) -> None:
        """Write a list."""
        self.parts.append("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>")

    def warnings(self, *lines: str) -> None:
        """Write a list of what a reader must know before trusting the numbers; nothing for no lines."""
        if lines:
            written = "".join(f"<li>{escape(line)}</li>" for line in lines)
            self.parts.append(f'<ul class="warnings">{written}</ul>')

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
        head = "".join(f'<th class="text">{escape(str(name))}</th>' for name in names)
        for column in map(str, table.columns):
            head += f"<th{_side(formats.get(column, ''))}>{escape(column)}</th>"
        rows = _rows(table, formats, "")
        if published is not None:
            rows += _rows(published.reindex(columns=table.columns), formats, ' class="published"')
        self.parts.append(
            f'<div class="wide"><table><caption>{escape(name)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        )

    def figure(self, caption: str, png: bytes) -> None:
        """Embed a picture."""
        said, code = escape(caption), base64.b64encode(png).decode()
        self.parts.append(f'<img alt="{said}" title="{said}" src="data:image/png;base64,{code}">')

    def plot(self, caption: str, figure: Mapping[str, Any], *, half: bool = False) -> None:
        """Write an interactive figure: ``data`` and ``layout`` as plotly.js takes them, plain values.

        ``half`` takes half the width, so that two stand side by side.

        Raises
        ------
        ValueError
            The page was made without ``library``, or a number in the figure is not finite: a gap
            is None.
        """
        if not self.library:
            raise ValueError(f"figure {caption!r} needs plotly.js; make the page with library=")
        try:
            content = json.dumps(figure, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        except ValueError as error:
            raise ValueError(
                f"figure {caption!r} holds a number that is not finite; write a gap as None"
            ) from error
        content = content.replace("</", "<\\/")  # the text of a figure does not end its element
        self.plots += 1
        kind = ' class="half"' if half else ""
        self.parts.append(
            f"<figure data-plot{kind}><figcaption>{escape(caption)}</figcaption><div></div>"
            f'<script type="application/json">{content}</script></figure>'
        )

    def html(self) -> str:
        """Return the whole page."""
        links = "".join(f'<a href="#{_anchor(h)}">{escape(h)}</a>' for h in self.headings)
        title = escape(self.title)
        return (
            f'<!doctype html><html lang="{self.language}"><head><meta charset="utf-8">'
            f"<title>{title}</title>"
            f"<style>{STYLE}</style></head><body><h1>{title}</h1><nav>{links}</nav>"
            + "\n".join(self.parts)
            + (_scripts(self.library) if self.plots else "")
            + "</body></html>\n"
        )

    def write(self, path: Path) -> None:
        """Write the page, whole or not at all."""
        write_atomic(path, lambda draft: draft.write_text(self.html(), encoding="utf-8"))


def _scripts(library: str) -> str:
    """The library, a third of its size, and what draws with it."""
    packed = base64.b64encode(gzip.compress(library.encode(), mtime=0)).decode()
    return (
        f'<script id="library" type="application/gzip">{packed}</script><script>{SCRIPT}</script>'
    )


def _rows(table: pd.DataFrame, formats: Formats, kind: str) -> list[str]:
    rows = []
    for label, values in zip(table.index, table.to_numpy(object), strict=True):
        names = label if isinstance(label, tuple) else (label,)
        cells = [f"<th>{escape(str(name))}</th>" for name in names]
        for column, value in zip(table.columns, values, strict=True):
            form = formats.get(str(column), formats.get("", ""))
            cells.append(f"<td{_side(form)}>{_cell(value, form)}</td>")
        rows.append(f"<tr{kind}>{''.join(cells)}</tr>")
    return rows


def _side(form: str) -> str:
    return ' class="text"' if form == TEXT else ""


def _cell(value: object, form: str) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else format(value, form)
    return "" if value is None or value is pd.NaT else escape(str(value))


def _anchor(title: str) -> str:
    return "-".join(title.lower().split())
