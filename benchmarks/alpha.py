"""Speed and memory of the alpha factory against pyqlib: CPU seconds, medians, both sides in turn.

    python benchmarks/alpha.py --pyqlib PYTHON [--quick] [--only WORK ...] [--data DIR] [--json FILE]

``PYTHON`` is an interpreter with pyqlib and torch; it answers from a process of its own. Without one the
peer's column is empty. Works: ``alpha158``, ``alpha360``, ``batches`` (days of windows), ``measures`` (IC,
RankIC, groups), ``steps`` (a training step of GATs, its memory), ``models`` (a day of every model up to
5,000 stocks). ``--quick`` takes small sizes.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

# A script's own folder comes first on the path, and this file is named like the package it measures.
_HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]

if __name__ == "alpha":  # another script of this folder asked for the package
    del sys.modules[__name__]
    importlib.import_module(__name__)
else:
    from alpha.models import __all__ as names
    from benchmarks import alpha_models, alpha_speed
    from benchmarks.rows import write_rows

    WORKS = ("alpha158", "alpha360", "batches", "measures", "steps", "models")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pyqlib", type=Path, metavar="PYTHON", help="interpreter with pyqlib")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repeat")
    parser.add_argument("--only", nargs="+", choices=WORKS, default=WORKS)
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--data", type=Path, help="a market folder; random walks by default")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    only = set(options.only)
    rows = []
    if only - {"steps", "models"}:
        rows += alpha_speed.measure(
            options.pyqlib, options.quick, only, options.data, options.repeats
        )
    if "steps" in only:
        rows += alpha_models.steps(options.pyqlib, options.quick, options.repeats)
    if "models" in only:
        rows += alpha_models.every_model(options.models, options.quick)
    write_rows(rows, options.json)


if __name__ == "__main__":
    main()
