"""The notebooks run from top to bottom on a fresh kernel, and draw what they promise."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
FIGURES = {"first_portfolio": 2, "reading_a_risk_report": 3, "constraint_sweep": 2}


def test_every_notebook_is_tested():
    assert {path.stem for path in (ROOT / "examples/notebooks").glob("*.ipynb")} == set(FIGURES)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq")  # its event loop, on some Pythons
@pytest.mark.parametrize("name", FIGURES)
def test_the_notebook_runs(name):
    notebook = nbformat.read(ROOT / f"examples/notebooks/{name}.ipynb", as_version=4)
    folder = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=folder).execute()
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    assert sum("image/png" in o.get("data", {}) for o in outputs) == FIGURES[name]
    assert not [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]
