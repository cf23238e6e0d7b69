"""The README's snippets, run in order in one namespace, as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_snippets_run_and_give_what_the_text_says(capsys):
    snippets = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)
    assert len(snippets) == 2
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


def test_the_two_commands_open_the_page():
    lines = README.read_text(encoding="utf-8").splitlines()
    assert lines[3].startswith("make demo")
    assert lines[4].startswith("make test")
