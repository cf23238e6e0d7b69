"""Run formulas over a market, a few stocks and some hundred sessions at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from alpha.features.expression import Node
from alpha.features.operators import ACROSS
from alpha.features.program import Program
from alpha.features.windows import LANES, Values

# Sessions a block: many beside the days before it, which a block computes again; few enough for its series
# (LANES x ROWS x 8 bytes each) to stay in the second-level cache.
ROWS = 640

Panel = NDArray[np.float32]
Read = Callable[[str], Panel]


def fill(
    out: NDArray[np.float32], columns: Sequence[int], formulas: Sequence[Node], read: Read
) -> Iterator[None]:
    """Write each formula into its column of ``out [T, N, F]``; yields after every block.

    ``read`` gives a field ``[T, N]`` by name. Values that are not finite become NaN.
    """
    program = Program(formulas)
    leaves = _leaves(program, read)
    with np.errstate(all="ignore"):
        for rows, stocks, skip in _blocks(out.shape[0], out.shape[1], program.lookback):
            sink = _Sink(out[rows.start + skip : rows.stop, stocks], columns, skip)
            program.run(_gather(leaves, rows, stocks), sink.take)
            sink.flush()
            yield


def panels(formulas: Sequence[Node], leaves: Mapping[Node, Panel]) -> list[Panel]:
    """Formulas as panels ``[T, N]`` float32, given their leaves."""
    program = Program(formulas)
    given = [leaves[leaf] for leaf in program.leaves]
    out = [np.empty_like(given[0]) for _ in formulas]
    with np.errstate(all="ignore"):
        for rows, stocks, skip in _blocks(len(given[0]), given[0].shape[1], program.lookback):
            here = [panel[rows.start + skip : rows.stop, stocks] for panel in out]
            program.run(_gather(given, rows, stocks), partial(_put, here))
    return out


def _leaves(program: Program, read: Read) -> list[Panel]:
    """Fields, and the results across stocks, innermost first."""
    known: dict[Node, Panel] = {}
    nested: dict[Node, int] = {}
    for root in program.roots:
        _depth(root, nested)
    for level in range(1, max(nested.values(), default=0) + 1):
        nodes = [node for node, depth in nested.items() if depth == level]
        inner = Program([node.parts[0] for node in nodes])
        known |= {leaf: read(leaf.name) for leaf in inner.leaves if leaf.is_field}
        for node, panel in zip(nodes, panels(inner.roots, known), strict=True):
            known[node] = ACROSS[node.name](panel)
    return [known[leaf] if leaf in known else read(leaf.name) for leaf in program.leaves]


def _depth(node: Node, found: dict[Node, int]) -> int:
    """Operators across stocks from here down, the innermost at depth 1, kept in ``found``."""
    below = max((_depth(part, found) for part in node.parts), default=0)
    if node.name in ACROSS:
        found[node] = below + 1
        return below + 1
    return below


def blocks_of(days: int, stocks: int) -> int:
    """Number of blocks of a market."""
    return -(-days // ROWS) * -(-stocks // LANES)


def _blocks(days: int, stocks: int, lookback: int) -> Iterator[tuple[slice, slice, int]]:
    """Rows to read, stocks, and how many of the rows only lead up to the block."""
    for first in range(0, stocks, LANES):
        for start in range(0, days, ROWS):
            before = max(start - lookback, 0)
            stop = min(start + ROWS, days)
            yield slice(before, stop), slice(first, min(first + LANES, stocks)), start - before


def _gather(leaves: Sequence[Panel], rows: slice, stocks: slice) -> list[Values]:
    """The block of each leaf, flattened, with NaN for the stocks that the last block lacks."""
    block = []
    for leaf in leaves:
        part = leaf[rows, stocks]
        table = np.full((len(part), LANES), np.nan)
        table[:, : part.shape[1]] = part
        block.append(table.ravel())
    return block


def _put(out: Sequence[Panel], k: int, values: Values) -> None:
    """The last rows of a block, as many as the part of panel ``k`` has."""
    days, stocks = out[k].shape
    out[k][:] = values.reshape(-1, LANES)[-days:, :stocks]


class _Sink:
    """Takes formulas as they are ready and writes them to the cube a few at a time.

    A day of the cube holds all features of a stock side by side: one at a time would touch every
    cache line once a feature.
    """

    GROUP = 8

    def __init__(self, out: NDArray[np.float32], columns: Sequence[int], skip: int) -> None:
        self._out, self._columns, self._skip = out, columns, skip
        self._held: list[tuple[int, Values]] = []

    def take(self, k: int, values: Values) -> None:
        self._held.append((self._columns[k], values))
        if len(self._held) == self.GROUP:
            self.flush()

    def flush(self) -> None:
        if not self._held:
            return
        last = self._held[-1:]
        full = self._held + last * (self.GROUP - len(self._held))  # the same again does no harm
        where = np.array([k for k, _ in full], np.int64)
        _lay(tuple(values for _, values in full), self._out, where, self._skip)
        self._held = []


@njit(cache=True, nogil=True)
def _lay(
    formulas: tuple[Values, ...], out: NDArray[np.float32], where: NDArray[np.int64], skip: int
) -> None:
    """Write blocks into their columns of ``out [T, stocks, F]``; what is not finite becomes missing."""
    none = np.float32(np.nan)
    for t in range(out.shape[0]):
        rows, start = out[t], (t + skip) * LANES
        for i in range(len(formulas)):
            values, k = formulas[i][start : start + LANES], where[i]
            if len(rows) == LANES:
                for j in range(LANES):
                    single = np.float32(values[j])
                    rows[j, k] = single if single - single == 0.0 else none
            else:
                for j in range(len(rows)):
                    single = np.float32(values[j])
                    rows[j, k] = single if single - single == 0.0 else none
