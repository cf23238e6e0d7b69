"""HIST: what a stock shares with given concepts, with hidden ones, and what is left of its own.

Xu, Liu, Wang, Liu, Bian, Yin and Liu 2021, arXiv:2110.13716.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.batch import Batch
from alpha.model import Network
from alpha.nn import RecurrentEncoder
from alpha.nn.concepts import HiddenConcepts, PredefinedConcepts, SharedPart, Variant, among

VARIANTS = ("paper", "repo", "qlib")


@dataclass(frozen=True)
class HIST:
    """Settings of :class:`HISTNetwork`; fit it with ``concepts=``.

    The paper reads ``ALPHA360`` (``steps=60``) by ``hidden=128, rnn_layers=2``, and trains on the mean
    squared error with Adam at 2e-4. The three variants differ as ``alpha.nn.concepts`` says; in all of
    them a stock is no candidate for its own hidden concept, and a concept is dropped for having no
    member, not for having a sum of zero. The twin without concepts is
    ``alpha.GRU(hidden, layers=rnn_layers)``.

    In all three a stock reads every concept by likeness, its own no more than others, so news of its
    concepts reach it only as far as its own past resembles theirs. ``own_concepts`` lets it read the
    concepts that it belongs to and no others, which the source does not.
    """

    hidden: int = 64
    rnn_layers: int = 1
    dropout: float = 0.0  # between recurrent layers
    variant: Variant = "paper"
    links: int = 1  # hidden concepts that a stock joins beside its own; the ports' code says 3 or 1
    own_concepts: bool = False
    temperature: float = 1.0  # of both softmaxes over cosines; the source has 1
    steps: int = 20

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"HIST: variant {self.variant!r} is unknown; use one of {VARIANTS}")
        if self.links < 1 or not self.temperature > 0:
            raise ValueError(
                f"HIST: links {self.links} must be >= 1 and temperature {self.temperature} > 0"
            )

    def build(self, features: int) -> "HISTNetwork":
        """Return an untrained network."""
        return HISTNetwork(self, features)


class HISTNetwork(Network):
    """Three parts, each of what the one before left over.

    With x0 = GRU(x)_T, concepts e of the given members, then of x1 itself::

        back0, fore0 = shared(x0, predefined(x0)),   x1 = x0 - back0
        back1, fore1 = shared(x1, hidden(x1)),       x2 = x1 - back1
        score = w . (fore0 + fore1 + leaky(V x2 + c)) + b

    A day without memberships has no first part, a day of one stock no second.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: HIST, features: int) -> None:
        super().__init__()
        hidden, variant = settings.hidden, settings.variant
        self.needs = frozenset({"x", "y", "concepts"})
        if variant != "qlib":  # there all members of a concept weigh the same
            self.needs |= {"mktcap"}
        self.own_concepts = settings.own_concepts
        self.encoder = RecurrentEncoder(features, hidden, settings.rnn_layers, settings.dropout)
        self.predefined = PredefinedConcepts(hidden, variant, settings.temperature)
        self.hidden = HiddenConcepts(hidden, variant, settings.links)
        self.first = SharedPart(hidden, variant, settings.temperature)
        self.second = SharedPart(hidden, variant, settings.temperature)
        self.own = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score each window with the concepts of the day."""
        members, value, present = batch.concepts, batch.mktcap, batch.present
        if members is None or (value is None and "mktcap" in self.needs):
            raise ValueError(
                f"HIST: the batch of {batch.date:%Y-%m-%d} has no concepts or no market values; fit "
                "with concepts=alpha.graphs.Concepts.from_frame(frame, market.stocks), or "
                "alpha.graphs.Concepts.from_labels(market.field('industry')); only variant=\"qlib\" does "
                "without market values"
            )
        h = self.encoder(x).float()
        with torch.autocast(h.device.type, enabled=False):  # sums over n stocks need float32
            members = among(members, present)
            if bool(present.all()):
                return self.score(h, members, value)
            scores = h.new_zeros(len(h))
            value = None if value is None else value[present]
            scores[present] = self.score(h[present], members, value)
            return scores

    def score(self, x: Tensor, members: Tensor, value: Tensor | None) -> Tensor:
        """Score the states ``[n, H]`` of stocks that are all present."""
        concepts = self.predefined(x, members, value)
        back, given = self.first(x, concepts, members if self.own_concepts else None)
        x = x - back
        back, found = self.second(x, self.hidden(x))
        own = F.leaky_relu(self.own(x - back))
        scores: Tensor = self.head(given + found + own)[:, 0]
        return scores
