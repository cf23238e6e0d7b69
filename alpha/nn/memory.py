"""What a model keeps of past sessions, and who may read it when.

:class:`LabelMemory` holds what labels revealed, such as errors: session s may be read at t only when
s + horizon <= t. :class:`DayBank` holds states, which are made of features: a session may be read when it
is over, or some sessions later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Rows = NDArray[np.intp]
Single = NDArray[np.float32]

LARGEST = float(np.finfo(np.float16).max)
CHUNK = 1024  # queries whose likenesses to all of a pool are held at a time


class LabelMemory:
    """Numbers by session and stock that it took labels to know, ``width`` of them, in half precision."""

    def __init__(self, width: int, horizon: int) -> None:
        self.width, self.horizon = width, horizon
        self.rows: dict[int, NDArray[np.float16]] = {}

    def write(self, row: int, values: Single) -> None:
        """Keep ``values`` ``[N, width]`` of session ``row``, NaN unknown."""
        self.rows[row] = np.clip(values, -LARGEST, LARGEST).astype(np.float16)

    def open(self, now: int, count: int) -> range:
        """Return the ``count`` latest sessions whose labels are known at the close of ``now``."""
        return range(now - self.horizon - count + 1, now - self.horizon + 1)

    def read(self, rows: Iterable[int], columns: Rows, now: int) -> Single:
        """Return ``[n, len(rows), width]`` of ``columns`` as known at the close of session ``now``.

        NaN for sessions that were never written.

        Raises
        ------
        ValueError
            The labels of a session are not known at ``now``.
        """
        wanted = list(rows)
        for row in wanted:
            if row + self.horizon > now:
                raise ValueError(
                    f"memory: the labels of session {row} are known at session {row + self.horizon}, "
                    f"{self.horizon} later, and session {now} asks for them; read rows up to "
                    f"{now - self.horizon}"
                )
        found = np.full((len(columns), len(wanted), self.width), np.nan, np.float32)
        for k, row in enumerate(wanted):
            if row in self.rows:
                found[:, k] = self.rows[row][columns]
        return found


@dataclass(frozen=True, eq=False)
class DayBank:
    """States of the stocks of past sessions, ``[M, H]`` one session after another, in half precision.

    They stay on the CPU; what is retrieved goes where it is asked for.
    """

    states: Tensor  # [M, H] float16
    sizes: Tensor  # [D] int64, stocks of each session; they add up to M
    means: Tensor  # [D, H] float32
    opens: Tensor  # [D] int64, nanoseconds: the first session that may read it

    @classmethod
    def of(cls, days: list[tuple[int, Tensor]]) -> "DayBank":
        """Collect ``(opens, states [n, H])``, one at least."""
        return cls(
            torch.cat([states.half().cpu() for _, states in days]),
            torch.tensor([len(states) for _, states in days]),
            torch.stack([states.float().mean(dim=0).cpu() for _, states in days]),
            torch.tensor([opens for opens, _ in days]),
        )

    def nearest(self, mean: Tensor, now: int, count: int) -> Tensor:
        """Return the states ``[m, H]`` of the sessions whose means are most like ``mean`` [H], by cosine.

        At most ``count`` of those that are open at ``now``, the most alike first.
        """
        there = torch.nonzero(self.opens <= now)[:, 0]
        alike = F.cosine_similarity(self.means[there], mean.detach().float().cpu()[None])
        best = there[torch.topk(alike, min(count, len(there))).indices]
        ends = torch.cumsum(self.sizes, dim=0)
        pieces = [self.states[ends[d] - self.sizes[d] : ends[d]] for d in best.tolist()]
        pool = torch.cat(pieces) if pieces else self.states[:0]
        return pool.to(mean.device).float()

    def state(self) -> dict[str, Any]:
        """Return its tensors by name."""
        return dict(vars(self))


def nearest_rows(queries: Tensor, pool: Tensor, count: int, chunk: int = CHUNK) -> Tensor:
    """Return the ``count`` rows of ``pool`` [m, H] most like each query [n, H] by cosine, ``[n, count]``.

    The most alike first, all of the pool where it is smaller. ``chunk`` queries at a time, so that memory
    is chunk x m; no gradient is recorded.
    """
    with torch.no_grad():
        near, unit = F.normalize(queries.detach(), dim=1), F.normalize(pool.detach(), dim=1)
        count = min(count, len(pool))
        parts = [torch.topk(part @ unit.T, count).indices for part in torch.split(near, chunk)]
    return (
        torch.cat(parts) if parts else torch.zeros(0, count, dtype=torch.long, device=pool.device)
    )


def read_bank(queries: Tensor, pool: Tensor, count: int, chunk: int = CHUNK) -> Tensor:
    """Average of the ``count`` rows of ``pool`` most like each query, each times its cosine, ``[n, H]``.

    Cosines may be negative, so this is no convex combination. An empty pool reads as zeros.

    Examples
    --------
    >>> q, pool = torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0], [5.0, 0.0]])
    >>> read_bank(q, pool, 2)  # cosines 1 and 0.6
    tensor([[3.4000, 1.2000]])
    """
    chosen = nearest_rows(queries, pool, count, chunk)
    if not chosen.numel():
        return torch.zeros_like(queries)
    found = pool.index_select(0, chosen.flatten()).reshape(*chosen.shape, -1)
    weights = F.cosine_similarity(queries[:, None], found, dim=2)
    return (weights[..., None] * found).mean(dim=1)
