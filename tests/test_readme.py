"""The README's snippets, run in order in one namespace, as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_snippets_run_and_give_what_the_text_says(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # one of them writes a page
    snippets = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)
    assert len(snippets) == 6
    names: dict = {}
    for snippet in snippets:
        exec(compile(snippet, str(README), "exec"), names)
    assert "information_ratio" in capsys.readouterr().out
    result, solution = names["result"], names["solution"]
    assert len(result.turnover) > 50
    assert result.turnover.iloc[1:].max() <= 0.21  # asked for 0.20; fills move prices a little
    assert solution.tracking_error <= 0.04 * (1 + 1e-4)
    assert solution.weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert np.isfinite(list(solution.shadow_prices.values())).all()
    assert names["table"].loc["GAP", "coverage"] > 0.9
    assert (tmp_path / "runs" / "report.html").stat().st_size > 100_000
    assert (names["promises"]["mutual"] == 1.0).iloc[-1]
    assert names["world"].stocks[0] in names["picture"].get_title()
    active, model = names["active"], names["model"]
    assert active.by_kind["contribution"].sum() == pytest.approx(active.total, rel=1e-12)
    assert active.total == pytest.approx(
        model.tracking_error(names["book"], names["world"].index("csi300").weights_on(model.date))
    )
    assert "reversal" in names["history"].factor_returns
    assert names["side_by_side"].index.tolist() == ["enhanced", "index", "dropout"]
    assert names["why"].residual.abs().max() < 1e-10
    assert (tmp_path / "runs" / "csi300.html").stat().st_size > 1_000_000


def test_the_two_commands_open_the_page():
    lines = README.read_text(encoding="utf-8").splitlines()
    assert lines[3].startswith("make demo")
    assert lines[4].startswith("make test")
