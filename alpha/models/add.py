"""ADD: excess returns disentangled from market returns, with self-distillation and made-up windows.

Augmented disentanglement distillation (Tang, Wu et al. 2020, arXiv:2012.06289), after a digest of it and
qlib's port, which has the disentanglement only. Marked [D]: choices that neither fixes.
"""

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from alpha.batch import Batch, Days
from alpha.losses import Loss, ic, mse
from alpha.model import Network
from alpha.nn.disentangle import DeepState, Head, WindowDecoder, hard_day, hard_rows
from alpha.nn.reversal import reversal_strength, reverse
from alpha.train import Task, train

States = tuple[Tensor, Tensor]  # of both encoders, [layers, n, H] each

TINY = 1e-6  # added to a standard deviation that is divided by


@dataclass(frozen=True)
class ADD:
    """Settings of :class:`ADDNetwork`.

    The source reads ``ALPHA360`` (``steps=60``) with ``layers=2``. With ``rounds=1``,
    ``augment=0`` what remains is qlib's port. The twin is ``alpha.GRU(hidden)``.
    """

    hidden: int = 64
    layers: int = 1  # a second layer doubles the time of four recurrent nets
    classes: int = 3  # of market returns: terciles of the training days; 2: their sign
    gamma: float = 0.1  # how fast the adversaries' pull grows with the epochs
    clip: float = 0.2  # and where it stops
    reconstruction: float = 0.2  # weight mu of the decoder's loss
    distillation: float = 0.01  # weight nu of the distance to the teacher, a sum of 2 H squares [D]
    balance: float = 0.5  # b: how much of a row's weight is its day's, the rest its own [D]
    rounds: int = 2  # trainings, each taught by the one before [D]
    augment: int = 256  # made-up windows a day, from the second round on [D]
    told: int = 512  # stocks a day that are reconstructed [D]
    days_per_step: int = 4  # one day has one market class: a step needs several
    steps: int = 20

    def __post_init__(self) -> None:
        least = {"layers": 1, "classes": 2, "rounds": 1, "augment": 0, "told": 1}
        for name, bound in {**least, "days_per_step": 1}.items():
            if getattr(self, name) < bound:
                raise ValueError(f"ADD: {name} is {getattr(self, name)}; it must be >= {bound}")
        if not 0.0 <= self.balance <= 1.0:
            raise ValueError(f"ADD: balance is {self.balance}; it is a share between 0 and 1")

    def build(self, features: int) -> "ADDNetwork":
        """Return an untrained network."""
        return ADDNetwork(self, features)


class ADDNetwork(Network):
    """Two encoders, each to tell one part of a return and to be of no use for the other.

    With e and m the last states of both encoders, and R the reversal of gradients::

        score = P(e),  class = Q(m),  window = decoder(e, m)
        loss  = criterion(P(e), y) + CE(Q(m), k) + mse(P'(R m), y) + CE(Q'(R e), k)
                + mu mse(window, x) + nu mean(w |(e, m) - teacher's (e, m)|^2)

    y is the label, ranked within its day, so that the market's return has no part in it; k is the class
    of the market's return over the same sessions. From the second round on the best network of the
    round before teaches, and rows that it fits badly weigh more. It also makes windows up: its decoder
    joins the excess state of day p and the market state of the session before, q, of one stock, for the
    label of p and the class of q, both training days.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    needs = frozenset({"x", "y", "y_mkt"})

    def __init__(self, settings: ADD, features: int) -> None:
        super().__init__()
        self.settings, self.features = settings, features
        hidden, layers, width = settings.hidden, settings.layers, settings.hidden * settings.layers
        self.excess = DeepState(features, hidden, layers)
        self.market = DeepState(features, hidden, layers)
        self.decoder = WindowDecoder(features, 2 * hidden, layers)
        self.tell_excess = Head(width, hidden, 1)
        self.tell_market = Head(width, hidden, settings.classes)
        self.tell_excess_from_market = Head(width, hidden, 1)
        self.tell_market_from_excess = Head(width, hidden, settings.classes)
        self.bounds: Tensor  # between the classes
        self.register_buffer("bounds", torch.zeros(settings.classes - 1))
        self.days_per_step = settings.days_per_step
        self.strength = 0.0  # of the reversal, by the epoch
        self.lesson: Lesson | None = None

    def fit(self, task: Task) -> pd.DataFrame:
        """Train round after round and keep the round that validates best."""
        rounds, drafts = [], []
        best, kept = -np.inf, self.state()
        for number in range(self.settings.rounds):
            if number:
                self._begin_again(task)
            self.prepare(task)
            path = task.checkpoint
            if path is not None and number < self.settings.rounds - 1:
                path = path.with_name(f"round{number}-{path.name}")
                drafts.append(path)
            rounds.append(train(self, replace(task, checkpoint=path)).assign(round=number))
            score = float(rounds[-1]["valid"].max())
            if score > best:
                best, kept = score, deepcopy(self.state())  # the next round writes over it
        for draft in drafts:
            draft.unlink()
        self.lesson = None
        self.load(kept)
        table = pd.concat(rounds, ignore_index=True).rename_axis("epoch")
        return table[["round", "loss", "valid"]]

    def prepare(self, task: Task) -> None:
        """Take the bounds of the market's classes from the training days."""
        if task.days.y_mkt is None:
            raise ValueError("ADD: the days have no market returns; alpha.fit adds them")
        known = task.days.y_mkt[task.train]
        known = known[np.isfinite(known)]
        classes = self.settings.classes
        if classes > 2 and len(known):
            bounds = np.quantile(known, np.arange(1, classes) / classes)
            self.bounds.copy_(torch.from_numpy(bounds))

    def on_epoch_start(self, epoch: int, task: Task) -> None:  # noqa: ARG002 - the hook's signature
        """Let the adversaries pull harder as the epochs go by."""
        self.strength = reversal_strength(epoch, self.settings.gamma, self.settings.clip)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002 - stocks stand alone
        """Score each window by its excess state."""
        scores: Tensor = self.tell_excess(_flat(self.excess(x)))[:, 0]
        return scores

    def loss(self, batch: Batch, criterion: Loss) -> Tensor:
        """All terms of one day; the classes need several days a step, which the trainer averages."""
        y, mask = self.labels(batch)
        here = batch.present
        rows = Labelled(self.inputs(batch)[here], y[here], mask[here], self._class(batch))
        states = self.excess(rows.x), self.market(rows.x)
        loss = self._disentangled(states, rows, criterion) + self._distilled(states, rows)
        told = self._told(states, rows.x)
        made = self._made_up(batch)
        if made is not None:
            states = self.excess(made.x), self.market(made.x)
            more = self._disentangled(states, made, criterion) + self._distilled(states, made)
            loss = (len(rows.y) * loss + len(made.y) * more) / (len(rows.y) + len(made.y))
        return loss + self.settings.reconstruction * told

    def _disentangled(self, states: States, rows: "Labelled", criterion: Loss) -> Tensor:
        """What each state tells of its own part, and the adversaries of the other part."""
        e, m = map(_flat, states)
        against_e, against_m = reverse(e, self.strength), reverse(m, self.strength)
        loss = criterion(self.tell_excess(e)[:, 0], rows.y, rows.mask)
        loss = loss + mse(self.tell_excess_from_market(against_m)[:, 0], rows.y, rows.mask)
        if rows.kind is not None:
            kind = rows.kind.expand(len(e))
            loss = loss + F.cross_entropy(self.tell_market(m), kind)
            loss = loss + F.cross_entropy(self.tell_market_from_excess(against_e), kind)
        return loss

    def _told(self, states: States, x: Tensor) -> Tensor:
        """Squared error of the decoder on some of the rows."""
        n, count = len(x), self.settings.told
        chosen = torch.arange(min(n, count), device=x.device)
        if self.training and n > count:
            chosen = torch.randperm(n, device=x.device)[:count]
        both = torch.cat([state[:, chosen] for state in states], dim=-1)
        return F.mse_loss(self.decoder(both, x.shape[1]), x[chosen])

    def _distilled(self, states: States, rows: "Labelled") -> Tensor:
        """Weighted distance to the teacher's states; 0 in the first round."""
        if self.lesson is None or int(rows.mask.sum()) < 2:
            return states[0].new_zeros(())
        weights, known = self.lesson.weights(rows, self.settings.balance)
        distance = torch.cat([_flat(s) for s in states], dim=1) - known
        distance = distance.square().sum(dim=1)
        return self.settings.distillation * (weights * distance[rows.mask]).mean()

    def _class(self, batch: Batch) -> Tensor | None:
        """Return the market's class of a day, 0 the lowest; None where its return is not known."""
        if batch.y_mkt is None or not bool(torch.isfinite(batch.y_mkt)):
            return None
        return (batch.y_mkt > self.bounds).sum()

    def _made_up(self, batch: Batch) -> "Labelled | None":
        """Windows that never were, from the training days of ``batch`` and of the session before."""
        if self.lesson is None or not self.training or not self.settings.augment:
            return None
        pair = self.lesson.pair(batch, self.settings.augment)
        if pair is None or batch.y is None or batch.label_mask is None:
            return None
        before, p, q = pair
        teacher = self.lesson.teacher
        with torch.no_grad():
            excess, market = teacher.excess(self.inputs(batch)[p]), teacher.market(before.x[q])
            x = teacher.decoder(torch.cat([excess, market], dim=-1), batch.x.shape[1])
        return Labelled(x, batch.y[p], batch.label_mask[p], self._class(before))

    def _begin_again(self, task: Task) -> None:
        """Make this network the teacher of a new one, drawn where the random stream stands."""
        self.lesson = None
        teacher = deepcopy(self).eval().requires_grad_(False)
        self.load_state_dict(ADDNetwork(self.settings, self.features).state_dict())
        self.lesson = Lesson.of(teacher, task)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Rows of a day with their labels, [n, T, F], [n] and [n], and the market's class where known."""

    x: Tensor
    y: Tensor
    mask: Tensor
    kind: Tensor | None


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a round learns from the round before."""

    teacher: ADDNetwork
    days: Days
    rows: frozenset[int]  # training sessions: no others may be mixed
    fits: Tensor  # IC of the teacher on some of them

    @classmethod
    def of(cls, teacher: ADDNetwork, task: Task) -> "Lesson":
        """See how well the teacher fits every ``config.every``-th training day."""
        fits = []
        with torch.no_grad():
            for row in task.train[:: task.config.every].tolist():
                batch = task.days.batch(row, labelled=True).to(teacher.device)
                y, mask = teacher.labels(batch)
                fits.append(1.0 - ic(teacher.scores(batch), y, mask))
        return cls(teacher, task.days, frozenset(task.train.tolist()), torch.stack(fits))

    @torch.no_grad()
    def weights(self, rows: Labelled, balance: float) -> tuple[Tensor, Tensor]:
        """Return the weights of the labelled rows, and the teacher's states ``[n, 2 L H]`` of all.

        A row's error is taken between standardised score and label: a score trained for its order has
        no level.
        """
        e, m = _flat(self.teacher.excess(rows.x)), _flat(self.teacher.market(rows.x))
        scores = self.teacher.tell_excess(e)[:, 0]
        y, s = rows.y[rows.mask], scores[rows.mask]
        error = ((s - s.mean()) / (s.std() + TINY) - (y - y.mean()) / (y.std() + TINY)).square()
        day = hard_day(1.0 - ic(scores, rows.y, rows.mask), self.fits)
        return balance * day + (1.0 - balance) * hard_rows(error), torch.cat([e, m], dim=1)

    def pair(self, batch: Batch, count: int) -> tuple[Batch, Tensor, Tensor] | None:
        """Return the session before a training day, and ``count`` stocks of both: positions in each.

        None where that session is no training day, as nothing is mixed across the edge of the period, or
        where the two have no stock in common.
        """
        row = int(self.days.dates.searchsorted(batch.date))
        if row not in self.rows or row - 1 not in self.rows:
            return None
        _, p, q = np.intersect1d(
            self.days.columns(row), self.days.columns(row - 1), True, return_indices=True
        )
        if not len(p):
            return None
        before = self.days.batch(row - 1, labelled=True).to(batch.x.device)
        chosen = torch.randperm(len(p))[:count].numpy()
        device = batch.x.device
        return (
            before,
            torch.from_numpy(p[chosen]).to(device),
            torch.from_numpy(q[chosen]).to(device),
        )


def _flat(states: Tensor) -> Tensor:
    """``[layers, n, H]`` as ``[n, layers * H]``."""
    return states.transpose(0, 1).flatten(1)
