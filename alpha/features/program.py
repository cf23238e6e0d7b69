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
        for root in self.roots:
            self._plan(root)
        self._finish()

    def run(self, block: Sequence[Values], store: Callable[[int, Values], None]) -> None:
        """Compute all formulas on a block.

        Parameters
        ----------
        block
            Values of :attr:`leaves`, flattened ``[T * LANES]`` float64.
        store
            Called with the number and the values of each formula when they are ready.
        """
        have: list[Any] = [*block, *[None] * (len(self._slots) - len(block))]
        for slot, number in self._numbers.items():
            have[slot] = number
        for k in self._ready:
            store(k, have[self._slots[self.roots[k]]])
        for step in self._steps:
            for slot, values in zip(step.out, step.kernel(*map(have.__getitem__, step.parts))):  # noqa: B905
                have[slot] = values
            for k in step.roots:
                store(k, have[self._slots[self.roots[k]]])
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
        made = {slot: step for step in self._steps for slot in step.out}
        roots = [self._slots[root] for root in self.roots]
        self._ready = [k for k, slot in enumerate(roots) if slot not in made]
        for k, slot in enumerate(roots):
            if slot in made:
                made[slot].roots.append(k)
        users = {slot: step for step in self._steps for slot in (*step.out, *step.parts)}
        for slot, step in users.items():
            if slot not in self._numbers:
                step.last.append(slot)


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
    if family == "standing":
        return partial(_standing, members=members, windows=windows)
    function, names = _PASSES[family]
    places = [(names.index(node.name), windows.index(node.window)) for node in members]
    chain = Chain.of(windows)

    def kernel(*parts: Values) -> list[Values]:
        results = function(*parts, chain)
        return [results[which][w] for which, w in places]

    return kernel


def _standing(x: Values, members: Sequence[Node], windows: Sequence[int]) -> list[Values]:
    """Ranks and quantiles: one pass a window."""
    found: dict[tuple[int, float | None], Values] = {}
    stocks = order.by_stock(x)
    for window in windows:
        shares = [n.numbers[1] for n in members if n.name == "quantile" and n.window == window]
        ranks, quantiles = order.standing(stocks, window, shares)
        found[window, None] = ranks
        found.update(((window, q), v) for q, v in zip(shares, quantiles, strict=True))
    return [found[n.window, n.numbers[1] if n.name == "quantile" else None] for n in members]
