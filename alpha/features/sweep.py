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
Single = NDArray[np.float32]
Read = Callable[[str], Panel]


def fill(
    out: NDArray[np.float32], columns: Sequence[int], formulas: Sequence[Node], read: Read
) -> Iterator[None]:
    """Write each formula into its column of ``out [T, N, F]``; yields after every block.

    ``read`` gives a field ``[T, N]`` by name. Values that are not finite become NaN. Columns that are not
    named are overwritten.
    """
    program = Program(formulas)
    leaves = _leaves(program, read)
    # Columns lie an odd number of cache lines apart, so that those of one day do not evict one another
    stage = np.empty((out.shape[2], (ROWS + 1) * LANES), np.float32)
    places = [stage[column] for column in columns]
    with np.errstate(all="ignore"):
        for rows, stocks, skip in _blocks(out.shape[0], out.shape[1], program.lookback):
            program.run(_gather(leaves, rows, stocks), partial(_keep, places, skip * LANES))
            _lay(stage, out, rows.start + skip, rows.stop, stocks.start, stocks.stop)
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


def _put(out: Sequence[Panel], k: int, above: Values, below: Values | None) -> None:
    """The last rows of a block, as many as the part of panel ``k`` has."""
    days, stocks = out[k].shape
    values = above if below is None else above / below
    out[k][:] = values.reshape(-1, LANES)[-days:, :stocks]


def _keep(places: Sequence[Single], skip: int, k: int, above: Values, below: Values | None) -> None:
    """Round formula ``k`` to single precision and hold it until the block is complete.

    A day of the cube holds all features of a stock side by side: one formula at a time would fetch every
    cache line of the cube once a formula.
    """
    if below is None:
        _single(above, skip, places[k])
    else:
        _single_ratio(above, below, skip, places[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _single(values: Values, skip: int, out: Single) -> None:
    kept = values[skip:]
    for e in range(len(kept)):
        single = np.float32(kept[e])
        out[e] = single if single - single == 0.0 else np.float32(np.nan)


@njit(cache=True, nogil=True, error_model="numpy")
def _single_ratio(above: Values, below: Values, skip: int, out: Single) -> None:
    top, bottom = above[skip:], below[skip:]
    for e in range(len(top)):
        single = np.float32(top[e] / bottom[e])
        out[e] = single if single - single == 0.0 else np.float32(np.nan)


@njit(cache=True, nogil=True)
def _lay(
    stage: Panel, out: NDArray[np.float32], start: int, stop: int, first: int, last: int
) -> None:
    """Write a block into its rows and stocks of ``out [T, N, F]``, a stock's day at a time."""
    for t in range(start, stop):
        for i in range(first, last):
            row, place = out[t, i], (t - start) * LANES + i - first
            for k in range(len(row)):
                row[k] = stage[k, place]
