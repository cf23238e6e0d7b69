"""ASTGNN on risk factors: exposures make the graph, current features travel over it.

The S4 form of the specification: the history of a stock's exposures becomes its coordinates M among
learnt risk factors; what is predicted from today's features is first shared with, and then measured
against, the stocks with like coordinates.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from alpha.batch import Batch
from alpha.model import Network
from alpha.nn import AdditiveAttention, RecurrentEncoder
from alpha.nn.adaptive import AdaptiveConv, AdaptiveGraph, Mode
from alpha.nn.residual import ResidualBlock


@dataclass(frozen=True)
class ASTGNNFactors:
    """Settings of :class:`ASTGNNFactorsNetwork`.

    A step holds the exposures in its first ``sequence`` columns and the features after them::

        cube = exposures.join(features)  # alpha.FeatureCube, on the same dates
        alpha.fit(alpha.ASTGNNFactors(sequence=exposures.values.shape[2]), ..., features=cube)
    """

    sequence: int | None = None  # columns of the history; None: all, which are the features as well
    factors: int = 32  # K, columns of M
    hidden: int = 64  # of the history
    width: int = 128  # of the graph layers
    modes: tuple[Mode, ...] = ("add", "subtract")  # a graph layer each
    temperature: float | None = None  # of the similarities, learnt from here; None: 1 / sqrt(K)
    sparse: bool = False
    exclude_self: bool = False
    dropout: float = 0.1  # before each graph layer
    steps: int = 20

    def __post_init__(self) -> None:
        if not self.modes:
            raise ValueError(
                'ASTGNNFactors: modes is empty; name a layer each, "add" or "subtract"'
            )
        if self.sequence is not None and self.sequence < 1:
            raise ValueError(
                f"ASTGNNFactors: sequence is {self.sequence}; use >= 1 or None for all"
            )

    def build(self, features: int) -> "ASTGNNFactorsNetwork":
        """Return an untrained network.

        Raises
        ------
        ValueError
            ``sequence`` leaves no column for the features.
        """
        if self.sequence is not None and self.sequence >= features:
            raise ValueError(
                f"ASTGNNFactors: a step has {features} columns and sequence={self.sequence} leaves no "
                "feature; join features to the exposures (exposures.join(features)), or use sequence="
                "None to take all columns for both"
            )
        return ASTGNNFactorsNetwork(self, features)


class ASTGNNFactorsNetwork(Network):
    """Learnt risk factors M from the history, and layers over their graph for today's features.

    ::

        h = GRU(x[:, :, :S])_T,   h <- h + attention(h),   M = V res(h) + b
        A = softmax(relu(c M M')),   z = x[:, T, S:]
        z <- (I +- A) dropout(z) W_l for each mode, relu between,   score = w . z + b

    One M serves all layers, and the gradient of the score reaches the history through A. The extras
    ``risk`` are M.

    Shapes
    ------
    x [n, T, S + F] -> [n], M [n, K]
    """

    extras: ClassVar[tuple[str, ...]] = ("risk",)

    def __init__(self, settings: ASTGNNFactors, features: int) -> None:
        super().__init__()
        self.sequence = settings.sequence
        history = features if settings.sequence is None else settings.sequence
        now = features if settings.sequence is None else features - settings.sequence
        self.encoder = RecurrentEncoder(history, settings.hidden)
        self.attend = AdditiveAttention(settings.hidden)
        self.residual = ResidualBlock(settings.hidden)
        self.nodes = nn.Linear(settings.hidden, settings.factors)
        self.graph = AdaptiveGraph(
            settings.factors,
            settings.temperature,
            exclude_self=settings.exclude_self,
            sparse=settings.sparse,
        )
        widths = [now] + [settings.width] * len(settings.modes)
        self.layers = nn.ModuleList(
            AdaptiveConv(inputs, outputs, mode)
            for (inputs, outputs), mode in zip(pairwise(widths), settings.modes, strict=True)
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.width, 1)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score each stock against the others of the day."""
        m = self.coordinates(x, batch.present)
        z = x[:, -1] if self.sequence is None else x[:, -1, self.sequence :]
        for place, layer in enumerate(self.layers):
            z = layer(self.dropout(F.relu(z) if place else z), m, batch.present, self.graph)
        scores: Tensor = self.head(z)[:, 0]
        return scores

    def coordinates(self, x: Tensor, present: Tensor) -> Tensor:
        """Return M ``[n, K]`` from the history."""
        h = self.encoder(x if self.sequence is None else x[:, :, : self.sequence])
        h = self.residual(h + self.attend(h, present))
        m: Tensor = self.nodes(h)
        return m

    def extra(self, batch: Batch) -> dict[str, Tensor]:
        """Return M, NaN where a stock is not present."""
        m = self.coordinates(self.inputs(batch), batch.present).float()
        return {"risk": m.masked_fill(~batch.present[:, None], float("nan"))}
