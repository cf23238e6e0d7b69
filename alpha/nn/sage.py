"""Inductive aggregation of sampled neighbours (GraphSAGE; Hamilton, Ying and Leskovec 2017)."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from alpha.nn.propagate import maxima
from alpha.nn.sampling import grouped, shuffled
from alpha.nn.spectral import row_normalised

Aggregator = Literal["mean", "pool", "mean_pool", "lstm", "gcn"]


class SAGEConv(nn.Module):
    """``y_i = W [h_i, AGG of h_j over neighbours j]``, without activation.

    - ``mean``: the mean of h_j,
    - ``pool``: elementwise maximum of ``relu(V h_j + b)``; ``mean_pool`` its mean,
    - ``lstm``: last state of a recurrent net that reads the neighbours in random order; the only one
      that depends on an order,
    - ``gcn``: ``y_i = W mean of h_i and its neighbours``, nothing concatenated.

    A stock without neighbours gets a zero AGG. In training ``lstm`` keeps its states after each neighbour,
    some 18 E x inputs numbers: draw the neighbours. The others keep n x inputs.

    Parameters
    ----------
    inputs, outputs
        Widths.
    aggregator
        AGG.
    separate
        Half of the outputs from h_i and half from AGG, each by its own matrix.

    Shapes
    ------
    h [n, inputs], edges [2, E] -> [n, outputs]
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        aggregator: Aggregator = "mean",
        *,
        separate: bool = False,
    ) -> None:
        super().__init__()
        if aggregator not in get_args(Aggregator):
            raise ValueError(
                f"SAGEConv: aggregator {aggregator!r} is unknown; use one of {get_args(Aggregator)}"
            )
        if separate and (outputs % 2 or aggregator == "gcn"):
            raise ValueError(
                f"SAGEConv: separate=True splits the outputs in two, which {outputs} of aggregator "
                f"{aggregator!r} cannot be; use an even number and another aggregator than 'gcn'"
            )
        self.aggregator = aggregator
        if aggregator in ("pool", "mean_pool"):
            self.pool = nn.Linear(inputs, inputs)
        if aggregator == "lstm":
            self.lstm = nn.LSTM(inputs, inputs)
        if separate:
            self.own = nn.Linear(inputs, outputs // 2)
            self.near = nn.Linear(inputs, outputs // 2)
        else:
            self.both = nn.Linear(inputs if aggregator == "gcn" else 2 * inputs, outputs)

    def forward(self, h: Tensor, edges: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Aggregate; ``generator`` orders the neighbours for the recurrent net."""
        near = self.aggregate(h, edges, generator)
        if self.aggregator == "gcn":
            y: Tensor = self.both(near)
        elif hasattr(self, "both"):
            y = self.both(torch.cat([h, near], dim=1))
        else:
            y = torch.cat([self.own(h), self.near(near)], dim=1)
        return y

    def aggregate(
        self, h: Tensor, edges: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """AGG of each stock ``[n, inputs]``."""
        if self.aggregator == "lstm":
            return self._last_state(h, edges, generator)
        if self.aggregator == "pool":
            return maxima(F.relu(self.pool(h)), edges)
        if self.aggregator == "mean_pool":
            h = F.relu(self.pool(h))
        return row_normalised(edges, len(h), itself=self.aggregator == "gcn")(h)

    def _last_state(self, h: Tensor, edges: Tensor, generator: torch.Generator | None) -> Tensor:
        """Read the neighbours of all stocks at once, packed: memory of one edge, not of the most."""
        out = torch.zeros_like(h)
        if not edges.shape[1]:
            return out
        edges, first, degree = grouped(shuffled(edges, generator), len(h))
        stocks = torch.argsort(degree, descending=True, stable=True)[: int((degree > 0).sum())]
        rank = torch.empty_like(degree)
        rank[stocks] = torch.arange(len(stocks), device=h.device)
        place = torch.arange(edges.shape[1], device=h.device) - first[edges[1]]
        packed = torch.argsort(place * len(h) + rank[edges[1]])  # step by step, longest first
        steps = PackedSequence(h.index_select(0, edges[0, packed]), torch.bincount(place).cpu())
        _, (last, _) = self.lstm(steps)
        return out.index_copy(0, stocks, last[0].to(h.dtype))
