"""The floors, held: who may import whom, and which heavy libraries stay where.

Every file is parsed, not run, so an import inside a function counts too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# package -> what of ours it may import
FLOORS = {
    "market": set(),
    "alpha": {"market"},
    "risk": {"market", "alpha.nn"},
    "enhance": {"market", "risk"},
    "backtest": {"market"},
}
# library -> the files (or folders) that may import it; everything else may not
HEAVY = {
    "torch": ["alpha", "risk/deep", "enhance/layer.py"],
    "lightgbm": ["alpha/models/lightgbm.py", "alpha/ensemble.py"],
    "numba": ["alpha", "backtest", "enhance", "risk"],
    "cvxpy": ["enhance"],
    "clarabel": ["enhance"],
    "osqp": ["enhance"],
    "sklearn": ["risk/statistical"],
    "skfolio": ["risk/statistical"],
    "matplotlib": ["*/plots.py", "*/report.py"],
    "plotly": ["*/plots.py", "*/report.py"],
}
OURS = set(FLOORS)


def runs(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a file that run: not those under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"):
            yield node
            yield from runs(node)


def imports_of(path: Path) -> set[str]:
    """Dotted names that a file imports when it runs, at any depth."""
    names: set[str] = set()
    for node in runs(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


FILES = [(package, path) for package in FLOORS for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize(
    ("package", "path"), FILES, ids=[str(path.relative_to(ROOT)) for _, path in FILES]
)
def test_a_file_imports_only_from_its_own_floor_and_below(package, path):
    allowed = FLOORS[package] | {package}
    for name in imports_of(path):
        if name.split(".")[0] in OURS:
            assert any(within(name, floor) for floor in allowed), f"{path} imports {name}"
    place = path.relative_to(ROOT)
    for library, homes in HEAVY.items():
        if any(within(name, library) for name in imports_of(path)):
            at_home = any(place.match(home) or place.as_posix().startswith(home) for home in homes)
            assert at_home, f"{place} imports {library}, whose home is {homes}"


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("market", ["torch", "cvxpy", "matplotlib"]),
        ("risk", ["torch", "cvxpy", "matplotlib"]),
        ("risk.statistical", ["torch", "sklearn", "skfolio"]),
        ("enhance", ["torch", "lightgbm", "matplotlib"]),
        ("backtest", ["torch", "cvxpy", "matplotlib"]),
        ("alpha", ["cvxpy", "matplotlib"]),
    ],
)
def test_importing_a_package_does_not_load_what_it_does_not_need(package, forbidden):
    code = f"import sys, {package}; print([m for m in {forbidden!r} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert loaded.stdout.strip() == "[]"


def test_every_package_lists_what_it_offers():
    for package in FLOORS:
        tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
        names = [
            element.value
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
            for element in node.value.elts
        ]
        assert names, f"{package} has no __all__"
        assert len(set(names)) == len(names)


def test_no_file_has_a_second_noun_in_it():
    """300 lines are the sign; a file past 350 is split."""
    long = {
        str(p.relative_to(ROOT)): n
        for _, p in FILES
        if (n := len(p.read_text().splitlines())) > 350
    }
    assert long == {}


def test_the_benchmark_named_like_a_package_does_not_hide_it():
    code = "import sys; sys.path.insert(0, 'benchmarks'); import risk; print(risk.Barra, risk.__path__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(ROOT / "risk") in done.stdout
