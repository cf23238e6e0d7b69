"""IGMTF: a stock reads the states that stocks had on past days like today.

Instance-wise graph for multivariate time series forecasting (Xu, Liu, Bian, Yin and Liu 2021,
arXiv:2109.06489). Marked [D]: a choice that neither the authors' code nor qlib's fixes.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alpha.batch import Batch, Days
from alpha.model import Network
from alpha.nn import RecurrentEncoder
from alpha.nn.memory import DayBank, read_bank
from alpha.train import Task, train

Rows = NDArray[np.intp]

BANK = "bank."  # what the names of the bank's tensors begin with in a state


@dataclass(frozen=True)
class IGMTF:
    """Settings of :class:`IGMTFNetwork`.

    The bank holds a state of every stock of every ``bank_every``-th training day, two bytes a number:
    100 MB for 5 years of 300 stocks and 128 units. The twin without a bank is ``alpha.GRU(hidden)``.
    """

    hidden: int = 64
    rnn_layers: int = 1
    dropout: float = 0.0  # between recurrent layers
    mlp_layers: int = 2
    bank_days: int = 10  # past days like today whose stocks are looked at
    neighbours: int = 10  # of these stocks, how many each stock reads
    # Sessions between a day and the past days that it may read. With none a stock would find itself as
    # it was yesterday, which on test days is a year away [D].
    gap: int = 20
    bank_every: int = 1
    steps: int = 20

    def __post_init__(self) -> None:
        least = {"mlp_layers": 1, "bank_days": 1, "neighbours": 1, "gap": 0, "bank_every": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"IGMTF: {name} is {getattr(self, name)}; it must be >= {bound}")

    def build(self, features: int) -> "IGMTFNetwork":
        """Return an untrained network."""
        return IGMTFNetwork(self, features)


class IGMTFNetwork(Network):
    """Own state beside those of like stocks on like days.

    With h = MLP(GRU(x)_T), the mean of the day's h to find the ``bank_days`` past days whose means are
    most like it, b the states of the stocks of these days, and over the j most like i::

        S_ij = cos(P h_i, R b_j),   score = w . [h_i, mean_j S_ij R b_j] + c

    The bank is made of features, and only of training days: a day reads those that were over more than
    ``gap`` sessions before, in training too. It is made of the weights that an epoch begins with, made
    anew for validation, and kept with the best weights. Without a bank there is nothing to read.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: IGMTF, features: int) -> None:
        super().__init__()
        self.settings, hidden = settings, settings.hidden
        self.encoder = RecurrentEncoder(features, hidden, settings.rnn_layers, settings.dropout)
        layers: list[nn.Module] = [nn.Linear(hidden, hidden)]
        for _ in range(settings.mlp_layers - 1):
            layers += [nn.LeakyReLU(), nn.Linear(hidden, hidden)]
        self.mlp = nn.Sequential(*layers)
        self.ask = nn.Linear(hidden, hidden)  # P
        self.answer = nn.Linear(hidden, hidden)  # R
        self.head = nn.Linear(2 * hidden, 1)
        self.bank: DayBank | None = None
        self.source: tuple[Days, Rows, NDArray[np.int64]] | None = (
            None  # days, rows, when they open
        )

    def fit(self, task: Task) -> pd.DataFrame:
        """Train on the days that have ``bank_days`` past days to read; those before are read only."""
        self.prepare(task)
        return train(self, replace(task, train=self._readable(task)))

    def prepare(self, task: Task) -> None:
        """Choose the days of the bank."""
        rows = task.train[:: self.settings.bank_every]
        dates = task.days.dates.as_unit("ns").asi8
        later = np.append(dates, dates[-1] + 1)  # a session yet to come
        self.source = task.days, rows, later[np.minimum(rows + 1 + self.settings.gap, len(dates))]
        self.bank = None

    def on_epoch_start(self, epoch: int, task: Task) -> None:  # noqa: ARG002 - the hook's signature
        """Make the bank of the weights that the epoch begins with."""
        self._filled()

    def train(self, mode: bool = True) -> "IGMTFNetwork":
        """Switch between training and use; a bank in use is made of the weights in use."""
        if not mode and self.source is not None:
            self.bank = None
        super().train(mode)
        return self

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score the present stocks; the mean of a day is theirs."""
        bank, h = self._filled(), self.states(x)
        if bank is None or not bool(batch.present.any()):
            scores: Tensor = self.head(torch.cat([h, torch.zeros_like(h)], dim=1))[:, 0]
            return scores
        with torch.autocast(h.device.type, enabled=False):  # cosines of bfloat16 tie
            h = h.float()
            pool = bank.nearest(
                h[batch.present].mean(dim=0), batch.date.value, self.settings.bank_days
            )
            found = torch.zeros_like(h)
            asked = self.ask(h[batch.present])
            found[batch.present] = read_bank(asked, self.answer(pool), self.settings.neighbours)
            scores = self.head(torch.cat([h, found], dim=1))[:, 0]
            return scores

    def states(self, x: Tensor) -> Tensor:
        """Encode each window, ``[n, H]``."""
        h: Tensor = self.mlp(self.encoder(x))
        return h

    def state(self) -> dict[str, Any]:
        """Weights, and the bank that they made."""
        bank = self._filled()
        kept = {} if bank is None else {BANK + name: part for name, part in bank.state().items()}
        return {**super().state(), **kept}

    def load(self, state: dict[str, Any]) -> None:
        """Restore weights and bank, ready to score."""
        kept = {k.removeprefix(BANK): part for k, part in state.items() if k.startswith(BANK)}
        super().load({k: part for k, part in state.items() if not k.startswith(BANK)})
        self.source, self.bank = None, DayBank(**kept) if kept else None

    def _readable(self, task: Task) -> Rows:
        """Training days with enough days in the bank before them."""
        if self.source is None:
            raise ValueError("IGMTF: no days were chosen for the bank; call prepare(task)")
        dates = task.days.dates[task.train].as_unit("ns").asi8
        there = np.searchsorted(np.sort(self.source[2]), dates, side="right")
        s = self.settings
        if not (there >= s.bank_days).any():
            raise ValueError(
                f"IGMTF: bank_days is {s.bank_days}, and the last of {len(dates)} training days has "
                f"{there.max(initial=0)} days of the bank more than gap={s.gap} sessions before it; "
                "train on more days, or lower bank_days, gap or bank_every"
            )
        return task.train[there >= s.bank_days]

    @torch.no_grad()
    def _filled(self) -> DayBank | None:
        """The bank, made now where the weights have none."""
        if self.bank is not None or self.source is None:
            return self.bank
        before = self.training
        super().train(False)
        days, rows, opens = self.source
        made = []
        for row, since in zip(rows.tolist(), opens.tolist(), strict=True):
            batch = days.batch(row, labelled=False).to(self.device)
            made.append((since, self.states(self.inputs(batch))[batch.present]))
        self.bank = DayBank.of(made)
        super().train(before)
        return self.bank
