"""ASTGNN: weak factors from recurrent states on a graph that the states themselves make.

The S1 form of the specification: encoder, GRU, adaptive graph, a set of weak factors, whose weighting
over several datasets is the matter of ``alpha.combine``.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.batch import Batch
from alpha.losses import Loss, decorrelation, proximity
from alpha.model import Network
from alpha.nn import RecurrentEncoder
from alpha.nn.adaptive import AdaptiveConv, AdaptiveGraph, Mode
from alpha.nn.bar_encoder import BarEncoder

SPREAD = 1e-6  # inside the root of a standard deviation over stocks: one stock alone gets 0


@dataclass(frozen=True)
class ASTGNN:
    """Settings of :class:`ASTGNNNetwork`.

    ``steps`` follows the data: 20 for windows of features, 60 for ``BarTensor.daily``, 30 (and
    ``bars=5``) for ``BarTensor.weekly``. The twin without a graph, for comparisons on equal inputs, is
    ``alpha.GRU(hidden, steps=steps)``; ``layers=0`` keeps the weak factors and their losses and leaves
    the graph alone out.
    """

    bars: int = 1  # rows of the matrix at each step; more than one go through the bar encoder
    hidden: int = 64
    weak: int = 32  # factors n_f
    embedding: int = 32  # K, of the node representation M
    layers: int = 1
    mode: Mode = "add"  # the report's form; "subtract" kept only what is unlike its neighbours
    temperature: float | None = None  # of the similarities, learnt from here; None: 1 / sqrt(K)
    sparse: bool = False  # no weight where the similarity is not positive
    exclude_self: bool = False
    dropout: float = 0.0  # of what the graph adds
    decorrelation: float = 0.1  # weight of the squared correlations between weak factors
    proximity: float = 0.0  # weight of the loss that makes neighbours of batch.edges alike
    steps: int = 20

    def __post_init__(self) -> None:
        least = {"bars": 1, "weak": 1, "embedding": 1, "layers": 0, "steps": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"ASTGNN: {name} is {getattr(self, name)}; it must be >= {bound}")
        if self.decorrelation < 0 or self.proximity < 0:
            raise ValueError(
                f"ASTGNN: the weights decorrelation {self.decorrelation} and proximity "
                f"{self.proximity} of the losses must be >= 0"
            )

    def build(self, features: int) -> "ASTGNNNetwork":
        """Return an untrained network.

        Raises
        ------
        ValueError
            ``features`` is no multiple of ``bars``.
        """
        if features % self.bars:
            raise ValueError(
                f"ASTGNN: a step has {features} features, which is no matrix of bars={self.bars}; use "
                "bars=5 with BarTensor.weekly, the bars of a day with half-hour bars, else bars=1"
            )
        return ASTGNNNetwork(self, features)


class ASTGNNNetwork(Network):
    """Weak factors of every stock from its history and those of the stocks like it.

    With e_t the step's features (or its bars encoded), for l = 1..L::

        h = GRU(e)_T,   M = V h + b,   A = softmax(relu(c M M'))
        h <- h + relu((I +- A) h W_l)
        f = U h,   z_k = (f_k - mean f_k) / std f_k,   score = mean_k z_k

    Mean and standard deviation are over the present stocks of the day. The weak factors are the
    extras ``weak`` [n, n_f], standardised.

    The loss is the criterion of the score, plus the mean criterion of the single factors, plus
    penalties: squared correlations between factors, and proximity of neighbours.

    Shapes
    ------
    x [n, T, bars * fields] -> [n]
    """

    extras: ClassVar[tuple[str, ...]] = ("weak",)

    def __init__(self, settings: ASTGNN, features: int) -> None:
        super().__init__()
        self.settings, hidden = settings, settings.hidden
        if settings.proximity:  # a loss alone: scores do not read them
            self.needs = self.needs | {"edges"}
        self.bars = (
            None
            if settings.bars == 1
            else BarEncoder(settings.bars, features // settings.bars, hidden)
        )
        self.encoder = RecurrentEncoder(features if self.bars is None else hidden, hidden)
        if settings.layers:
            self.nodes = nn.Linear(hidden, settings.embedding)
            self.graph = AdaptiveGraph(
                settings.embedding,
                settings.temperature,
                exclude_self=settings.exclude_self,
                sparse=settings.sparse,
            )
        self.mix = nn.ModuleList(
            AdaptiveConv(hidden, hidden, settings.mode) for _ in range(settings.layers)
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(
            hidden, settings.weak, bias=False
        )  # a constant would be standardised away

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score each stock against the others of the day."""
        return self.factors(self.states(x), batch.present).mean(dim=1)

    def extra(self, batch: Batch) -> dict[str, Tensor]:
        """Return the weak factors ``[n, n_f]``, NaN where a stock is not present."""
        factors = self.factors(self.states(self.inputs(batch)), batch.present)
        return {"weak": factors.masked_fill(~batch.present[:, None], float("nan"))}

    def loss(self, batch: Batch, criterion: Loss) -> Tensor:
        """Criterion of the score and of the single factors, and the penalties."""
        y, mask = self.labels(batch)
        states = self.states(self.inputs(batch))
        factors = self.factors(states, batch.present)
        both = criterion(factors.mean(dim=1), y, mask) + criterion(factors, y, mask)
        return both + self.penalty(states, factors, batch)

    def penalty(self, states: Tensor, factors: Tensor, batch: Batch) -> Tensor:
        """Keep the factors apart, for a later weighting to choose from, and neighbours together."""
        settings, present = self.settings, batch.present
        apart = settings.decorrelation * decorrelation(factors[present])
        if not settings.proximity:
            return apart
        if batch.edges is None:
            raise ValueError(
                f"ASTGNN: the batch of {batch.date:%Y-%m-%d} has no edges, which proximity="
                f"{settings.proximity} needs; fit with graph=alpha.graphs.industry(market)"
            )
        edges = batch.edges[:, present[batch.edges].all(dim=0)]
        place = torch.cumsum(present, dim=0) - 1  # position among the present
        return apart + settings.proximity * proximity(states[present], place[edges])

    def states(self, x: Tensor) -> Tensor:
        """Read each window alone: ``[n, T, F] -> [n, H]``."""
        if self.bars is not None:
            n, steps, width = x.shape
            # Time-major, as the window lies in memory and as the recurrent net reads it.
            flat = x.transpose(0, 1).reshape(steps * n, width)
            x = self.bars(flat).reshape(steps, n, -1).transpose(0, 1)
        states: Tensor = self.encoder(x)
        return states

    def factors(self, h: Tensor, present: Tensor) -> Tensor:
        """Mix the states over the graph and read the standardised factors ``[n, n_f]``."""
        if self.mix:
            nodes = self.nodes(h)
            for layer in self.mix:
                h = h + self.dropout(F.relu(layer(h, nodes, present, self.graph)))
        return standardised(self.head(h).float(), present)


def standardised(factors: Tensor, present: Tensor) -> Tensor:
    """Columns of ``[n, k]`` less their mean, over their standard deviation, among the present stocks.

    Absent rows hold numbers without a meaning.
    """
    known = factors[present]
    if not len(known):
        return factors
    centred = known - known.mean(dim=0)
    scale = torch.sqrt(centred.square().mean(dim=0) + SPREAD)
    return (factors - known.mean(dim=0)) / scale
