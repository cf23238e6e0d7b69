"""Pages opened in a browser: figures are drawn, tables filled, nothing on the console."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

import backtest
from backtest import BenchmarkPolicy, TopN, attribution, run
from market import Target
from tests.backtest.worlds import random_targets, random_world

pytest.importorskip("plotly")

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--virtual-time-budget=20000",
]  # fmt: skip

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome on the path")


def opened(path, tmp_path):
    """The page as the browser has it after its scripts have run, and what it said."""
    own = ["--user-data-dir=" + str(tmp_path / "profile"), "--dump-dom", path.as_uri()]
    done = subprocess.run(
        [BROWSER, *QUIET, *own], capture_output=True, text=True, timeout=120, check=True
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, console


def check(path, tmp_path, language):
    dom, console = opened(path, tmp_path)
    assert console == []
    assert f'<html lang="{language}">' in dom
    figures = re.findall(r"<figure data-plot.*?</figure>", dom, flags=re.S)
    assert figures
    for figure in figures:
        caption = re.search(r"<figcaption>(.*?)</figcaption>", figure)[1]
        assert 'class="main-svg"' in figure, caption
        drawn = re.findall(r'<path[^>]* d="M[^"]{20,}|<image[^>]+href="data:', figure)
        assert drawn, f"{caption} is empty"
        assert "not drawn" not in figure
    for table in re.findall(r"<table>.*?</table>", dom, flags=re.S):
        assert re.search(r"<td[^>]*>[^<]+</td>", table), table[:200]
    return len(figures)


@pytest.fixture(scope="module")
def world():
    return random_world(7, days=120)


@pytest.fixture(scope="module")
def result(world):
    targets = random_targets(world, 3)

    def policy(snapshot):
        weights = targets.loc[snapshot.date]
        log = {"tracking_error": 0.1, "active.size": float(weights.max()), "active.银行": 0.01}
        return Target(weights, log)

    return run(world, policy, benchmark="half", schedule=list(targets.index))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_report_is_drawn(result, world, tmp_path, language):
    path = tmp_path / "report.html"
    parts = {"Shortfall": attribution.costs(result, world)}
    result.report(path, language=language, market=world, attribution=parts)
    assert check(path, tmp_path, language) == 7


def test_a_comparison_is_drawn(result, world, tmp_path):
    path = tmp_path / "both.html"
    index = run(world, BenchmarkPolicy("half"))
    backtest.report({"random": result, "the <index>": index}, path)
    assert check(path, tmp_path, "en") == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_sweep_is_drawn(tmp_path, language):
    world = random_world(5, days=60, quiet=True)
    noise = np.random.default_rng(1).standard_normal((len(world.dates), len(world.stocks)))
    scores = pd.DataFrame(noise, world.dates, world.stocks)
    cells = backtest.sweep(
        world, lambda n: TopN(scores, n), benchmark="half", workers=1, folder=tmp_path / "cells",
        n=[2, 3, 4],
    )  # fmt: skip
    backtest.sweep_report(cells, tmp_path / "sweep.html", language=language)
    assert check(tmp_path / "sweep.html", tmp_path, language) == 6


def test_a_report_prints_on_a_few_pages(result, tmp_path):
    page, paper = tmp_path / "report.html", tmp_path / "report.pdf"
    result.report(page)
    own = [f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={paper}", page.as_uri()]
    subprocess.run([BROWSER, *QUIET, *own], capture_output=True, timeout=120, check=True)
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 8


def test_a_figure_that_cannot_be_drawn_says_so(result, tmp_path):
    path = tmp_path / "broken.html"
    result.report(path)
    text = path.read_text(encoding="utf-8")
    packed = re.search(r'(<script id="library"[^>]*>)([^<]+)', text)
    path.write_text(text.replace(packed[2], "AAAA"), encoding="utf-8")
    dom, console = opened(path, tmp_path)
    assert "not drawn: " in dom
    assert len(console) == 1
