"""Formulas made into a list of steps: every part once, all windows of a series in one pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from alpha.features import order, sums
from alpha.features.expression import Node
from alpha.features.operators import ACROSS, POINTWISE, ROLLING
from alpha.features.windows import LANES, Chain, Values

Kernel = Callable[..., Sequence[Values]]
Store = Callable[[int, Values, Values | None], None]

# What a pass over a series gives, in the order of its results
_PASSES: dict[str, tuple[Callable[..., tuple[Values, ...]], tuple[str, ...]]] = {
    "total": (sums.total, ("sum",)),
    "mean": (sums.mean, ("mean",)),
    "spread": (sums.spread, ("std",)),
    "line": (sums.line, ("slope", "rsquare", "residual")),
    "corr": (sums.corr, ("corr",)),
    "cov": (sums.cov, ("cov",)),
    "decay": (sums.decay, ("decay_linear",)),
    "peak": (order.peak, ("ts_max", "ts_argmax")),
    "trough": (order.trough, ("ts_min", "ts_argmin")),
}


@dataclass(frozen=True, eq=False)
class Step:
    """Fill the slots ``out`` from the slots ``parts``; nobody needs the slots ``last`` after it."""

    kernel: Kernel
    parts: tuple[int, ...]
    out: tuple[int, ...]
    last: list[int] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)  # formulas that are complete with it


class Program:
    """The steps of some formulas, for blocks of stocks.

    ``rank`` and ``scale`` need all stocks of a day, so here they are leaves, like fields; see
    :func:`alpha.features.sweep.panels`.
    """

    def __init__(self, roots: Sequence[Node]) -> None:
        self.roots = tuple(roots)
        self.leaves = tuple(dict.fromkeys(n for r in roots for n in _below(r) if is_leaf(n)))
        self.lookback = max((_lookback(root) for root in roots), default=0)
        self._slots = {leaf: k for k, leaf in enumerate(self.leaves)}
        self._numbers: dict[int, float] = {}
        self._passes = _by_pass(roots)
        self._steps: list[Step] = []
        self._ends: list[tuple[int, int | None]] = []  # slots of each formula; below, of a ratio
        for root in self.roots:
            parts = _ratio(root)
            for part in parts:
                self._plan(part)
            slots = [self._slots[part] for part in parts]
            self._ends.append((slots[0], slots[1] if len(slots) > 1 else None))
        self._finish()

    def run(self, block: Sequence[Values], store: Store) -> None:
        """Compute all formulas on a block.

        Parameters
        ----------
        block
            Values of :attr:`leaves`, flattened ``[T * LANES]`` float64.
        store
            Called with the number of each formula when it is ready, and its values; or, for a ratio, the
            values above and below the line, which saves a pass over the block.
        """
        have: list[Any] = [*block, *[None] * (len(self._slots) - len(block))]
        for slot, number in self._numbers.items():
            have[slot] = number

        def finish(formulas: Sequence[int]) -> None:
            for k in formulas:
                above, below = self._ends[k]
                store(k, have[above], None if below is None else have[below])

        finish(self._ready)
        for step in self._steps:
            for slot, values in zip(step.out, step.kernel(*map(have.__getitem__, step.parts))):  # noqa: B905
                have[slot] = values
            finish(step.roots)
            for slot in step.last:
                have[slot] = None

    def _plan(self, node: Node) -> None:
        """Append the steps that lead to ``node``."""
        if node in self._slots:
            return
        if node.name == "number":
            self._numbers[self._slot(node)] = node.numbers[0]
            return
        for part in node.parts:
            self._plan(part)
        members, kernel = [node], _simple(node)
        if kernel is None:
            members = self._passes[ROLLING[node.name].family, node.parts]
            kernel = _shared(members)
        parts = tuple(self._slots[part] for part in node.parts)
        self._steps.append(Step(kernel, parts, tuple(self._slot(m) for m in members)))

    def _slot(self, node: Node) -> int:
        return self._slots.setdefault(node, len(self._slots))

    def _finish(self) -> None:
        """Tell every step which formulas it completes, and what it is the last to read."""
        made = {slot: k for k, step in enumerate(self._steps) for slot in step.out}
        users = {s: k for k, step in enumerate(self._steps) for s in (*step.out, *step.parts)}
        self._ready = []
        for root, ends in enumerate(self._ends):
            slots = [slot for slot in ends if slot is not None]
            done = max(made.get(slot, -1) for slot in slots)
            if done < 0:
                self._ready.append(root)
                continue
            self._steps[done].roots.append(root)
            users.update((slot, max(users.get(slot, -1), done)) for slot in slots)
        for slot, k in users.items():
            if slot not in self._numbers:
                self._steps[k].last.append(slot)


def _ratio(root: Node) -> tuple[Node, ...]:
    """The two sides of a formula that ends in a division, or the formula."""
    ratio = root.name == "divide" and all(part.name != "number" for part in root.parts)
    return root.parts if ratio else (root,)


def is_leaf(node: Node) -> bool:
    """Whether a block is given the values of ``node``: a field, or a result across stocks."""
    return node.is_field or node.name in ACROSS


def _below(node: Node) -> list[Node]:
    """Nodes of a formula, from its leaves up."""
    if is_leaf(node):
        return [node]
    return [n for part in node.parts for n in _below(part)] + [node]


def _lookback(node: Node) -> int:
    """Sessions before today that a formula needs of its leaves."""
    if is_leaf(node) or not node.parts:
        return 0
    before = max(_lookback(part) for part in node.parts)
    if node.name == "lag":
        return before + node.window
    return before + (node.window - 1 if node.name in ROLLING else 0)


def _by_pass(roots: Sequence[Node]) -> dict[tuple[str, tuple[Node, ...]], list[Node]]:
    """Operators through time by family and series."""
    found: dict[tuple[str, tuple[Node, ...]], dict[Node, None]] = {}
    for node in (n for root in roots for n in _below(root) if n.name in ROLLING):
        found.setdefault((ROLLING[node.name].family, node.parts), {})[node] = None
    return {key: list(nodes) for key, nodes in found.items()}


def _simple(node: Node) -> Kernel | None:
    """Kernel of an operator that shares nothing."""
    if node.name == "lag":
        return partial(_lag, elements=node.window * LANES)
    if node.name not in POINTWISE:
        return None
    function = POINTWISE[node.name].function
    return lambda *parts: (function(*parts),)


def _lag(x: Values, elements: int) -> tuple[Values]:
    out = np.empty_like(x)
    out[:elements] = np.nan
    out[elements:] = x[: max(len(x) - elements, 0)]
    return (out,)


def _shared(members: Sequence[Node]) -> Kernel:
    """Kernel of all operators of one family on one series."""
    family = ROLLING[members[0].name].family
    windows = sorted({node.window for node in members})
    if family in _BY_WINDOW:
        return partial(_BY_WINDOW[family], members=members, windows=windows)
    function, names = _PASSES[family]
    places = [(names.index(node.name), windows.index(node.window)) for node in members]
    chain = Chain.of(windows)

    def kernel(*parts: Values) -> list[Values]:
        results = function(*parts, chain)
        return [results[which][w] for which, w in places]

    return kernel


def _ranks(x: Values, members: Sequence[Node], windows: Sequence[int]) -> list[Values]:
    found = order.ranks(x, windows)
    return [found[windows.index(node.window)] for node in members]


def _quantiles(x: Values, members: Sequence[Node], windows: Sequence[int]) -> list[Values]:
    """One pass a window, whatever the number of its quantiles."""
    found: dict[tuple[int, float], Values] = {}
    for window in windows:
        shares = sorted({node.numbers[1] for node in members if node.window == window})
        values = order.quantiles(x, window, shares)
        found |= {(window, share): v for share, v in zip(shares, values, strict=True)}
    return [found[node.window, node.numbers[1]] for node in members]


_BY_WINDOW = {"rank": _ranks, "quantile": _quantiles}
