"""Speed and memory of the risk model against named peers: CPU seconds, medians, both in turn in one run.

    python benchmarks/risk.py [--quick] [--only WORK ...] [--json FILE]

Rows: the full history and its daily update (peer: the budget), each in a fresh process, with the most
memory they take; one day's regression against statsmodels; the eigenfactor adjustment against the plain
simulation; a day of the deep model against dense attention; the whole model against skfolio's
``CharacteristicsFactorModel``. Equal answers are checked, and how equal is printed. A peer that is not
installed leaves its row out. ``--quick`` ends in a minute.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

# A script's own folder comes first on the path, and this file is named like the package it measures.
_HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]

if __name__ == "risk":  # another script of this folder asked for the package
    del sys.modules[__name__]
    importlib.import_module(__name__)
else:
    from benchmarks.risk_speed import main

if __name__ == "__main__":
    main(__doc__)
