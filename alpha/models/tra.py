"""TRA: several predictors on one backbone, and a router that sends each stock to one of them.

Temporal routing adaptor with optimal transport (Lin, Zhou, Liu and Bian, KDD 2021, arXiv:2106.12950).
Marked [D]: choices that neither the authors' code nor qlib's fixes.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, cast

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.batch import Batch, Days
from alpha.losses import Loss, free_of_units
from alpha.model import Network, Recipe
from alpha.models.gru import GRU
from alpha.nn.router import Heads, Router
from alpha.nn.sinkhorn import by_range, transport
from alpha.recall import Recall
from alpha.train import Task, train

CHOICES = {
    "info": ("both", "latent", "errors"),
    "route": ("soft", "hard"),
    "memory": ("stock", "day"),
}


@dataclass(frozen=True)
class TRA:
    """Settings of :class:`TRANetwork`; it needs ``TrainConfig(loss=alpha.losses.mse)``, as in the source.

    The router remembers squared errors and the transport shares stocks out by them, so the predictors
    have to be in the labels' units: a loss that asks for no more than their order is refused.

    With one predictor the backbone itself is built, which is also the twin. Any recipe will do as a
    backbone whose network ends in a linear ``head`` of one output: ALSTM, Transformer, GATs, HIST, ...
    """

    backbone: Recipe = field(default_factory=GRU)
    predictors: int = 3  # K; the paper has 10 in its second stage
    hidden: int = 16  # of the router's memory
    info: Literal["both", "latent", "errors"] = "both"  # what the router looks at
    route: Literal["soft", "hard"] = "soft"  # average of the predictors by q, or the likeliest one
    temperature: float = 1.0  # of q
    memory: Literal["stock", "day"] = "stock"  # errors of each stock, or their mean over the day
    length: int = 20  # sessions of known errors that are looked back on
    weight: float = 1.0  # lambda, of the transport's cross-entropy
    decay: float = (
        0.9999  # rho, of lambda by the day trained on; qlib's, where the authors have 0.99
    )
    blend: float = (
        0.5  # share of the day's own errors in the transport's costs, the rest remembered
    )
    eps: float = 0.1  # of the transport, whose costs range from 0 to 1
    iterations: int = 3
    days: int = 60  # shared out together with the day when memory is "day" [D]
    pretrain: int = 0  # epochs of a first stage, in which the transport itself chooses
    freeze: bool = False  # keep the backbone as the first stage left it

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"TRA: {name} is {getattr(self, name)!r}; use one of {known}")
        for name in ("predictors", "hidden", "length", "days"):
            if getattr(self, name) < 1:
                raise ValueError(f"TRA: {name} is {getattr(self, name)}; it must be >= 1")
        if self.memory == "day" and self.info != "errors":
            raise ValueError(
                f'TRA: memory="day" routes whole days by their errors alone, and info is {self.info!r}; '
                'use info="errors"'
            )
        if self.freeze and not self.pretrain:
            raise ValueError("TRA: freeze keeps what a first stage has learnt; set pretrain > 0")

    @property
    def steps(self) -> int:
        """Those of the backbone."""
        return self.backbone.steps

    @property
    def lookback(self) -> int:
        """Labelled sessions before the first one that is scored."""
        return max(self.length, getattr(self.backbone, "lookback", 0))

    def build(self, features: int) -> Network:
        """Return an untrained network."""
        backbone = self.backbone.build(features)
        head = getattr(backbone, "head", None)
        if (
            not isinstance(backbone, Network)
            or not isinstance(head, nn.Linear)
            or head.out_features > 1
        ):
            raise ValueError(
                f"TRA: {type(self.backbone).__name__} does not end in a linear head of one output, so "
                "it cannot be given several; use a backbone such as alpha.GRU or alpha.ALSTM"
            )
        if self.predictors == 1:
            return backbone
        if type(backbone).state is not Network.state:
            raise ValueError(
                f"TRA: {type(self.backbone).__name__} makes a memory of its own, which it keeps beside its "
                "weights: it cannot be a part of another network; use a backbone such as alpha.GRU, or it "
                "alone"
            )
        return TRANetwork(self, backbone)


class TRANetwork(Network):
    """K predictors on the latent state h of a backbone, and their shares q.

    With e the errors of all predictors in the last sessions whose labels are known, each less the mean
    of the predictors, and P the optimal transport of the day's stocks to predictors of equal load::

        yhat_k = w_k . h + b_k,   q = softmax(V [h, LSTM(e)_T] / tau),   score = sum_k q_k yhat_k
        loss   = criterion(sum_k g_k yhat_k, y) - lambda mean_i sum_k P_ik log q_ik

    g is q with Gumbel noise (its one-hot with the gradient of q where ``route="hard"``), and the score
    then that of the largest q. P comes from labels, so it is met in training only; no gradient goes
    through it.

    The errors are those of the weights that are scored with: an epoch trains on errors from its start,
    validation and prediction work them out anew. So the memory is no part of the state, it belongs to
    days furnished by this network, and it reads no label that is not known at the close of the session.

    Shapes
    ------
    x [n, T, F], batch.memory [n, L, K] -> [n]
    """

    extras: ClassVar[tuple[str, ...]] = ("predictor", "share")

    def __init__(self, settings: TRA, backbone: Network) -> None:
        super().__init__()
        self.settings, self.backbone = settings, backbone
        width, count = cast(nn.Linear, backbone.head).in_features, settings.predictors
        backbone.head = Heads(width, count)
        self.router = Router(width, count, settings.hidden, settings.info)
        self.needs = backbone.needs | {"memory"}
        self.days_per_step = backbone.days_per_step
        self.recall = Recall(self.errors, count, settings.length)
        self.pretraining = False
        self.taken = 0  # days trained on
        self.costs: deque[Tensor] = deque(maxlen=settings.days - 1)  # [1, K], of the days before

    def furnish(self, days: Days) -> Days:
        """Add the memory."""
        return replace(self.backbone.furnish(days), memory=self.recall)

    def fit(self, task: Task) -> pd.DataFrame:
        """Train in one stage, or in two: predictors by the transport first, then all by the router.

        Raises
        ------
        ValueError
            A loss that does not mind the scale of its scores, or days that another network furnished.
        """
        if free_of_units(task.config.loss):
            name = getattr(task.config.loss, "__name__", repr(task.config.loss))
            raise ValueError(
                f"TRA: the loss {name} is the same for scores at another level or scale, and the "
                f"{self.settings.predictors} predictors are told apart by their squared errors; give "
                "TrainConfig(loss=alpha.losses.mse)"
            )
        if task.days.memory is not self.recall:
            raise ValueError(
                "TRA: the days have no memory of this network; call furnish(days) first"
            )
        stages, epochs = [], self.settings.pretrain
        self.prepare(task)
        if epochs:
            draft = task.checkpoint and task.checkpoint.with_name(f"first-{task.checkpoint.name}")
            config = replace(task.config, epochs=epochs, patience=epochs)
            self.pretraining = True
            stages.append(train(self, replace(task, config=config, checkpoint=draft)))
            self.pretraining = False
        free = not self.settings.freeze
        for name, parameter in self.backbone.named_parameters():
            parameter.requires_grad_(free or name.startswith("head."))
        stages.append(train(self, task))
        self.backbone.requires_grad_(True)
        if epochs and draft is not None:
            draft.unlink()
        numbered = [table.assign(stage=k) for k, table in enumerate(stages, 2 - len(stages))]
        table = pd.concat(numbered, ignore_index=True).rename_axis("epoch")
        return table[["stage", "loss", "valid"]]

    def prepare(self, task: Task) -> None:
        """Let the backbone look at the training days; a first stage of its own leaves no file."""
        self.backbone.prepare(replace(task, checkpoint=None))

    def on_epoch_start(self, epoch: int, task: Task) -> None:
        """Write the errors of the weights that the epoch begins with."""
        self.backbone.on_epoch_start(epoch, task)
        self.taken = epoch * (len(task.train) // min(task.config.every, len(task.train)))
        self.costs.clear()
        self.recall.forget()
        if self.settings.info != "latent" or self.settings.blend < 1:
            self.recall.write_up(task.days, task.train.tolist())

    def train(self, mode: bool = True) -> "TRANetwork":
        """Switch between training and use; what use remembers, the weights of use have to write."""
        if not mode:
            self.recall.forget()
        super().train(mode)
        return self

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score each window by the predictors, each to its share."""
        h, guesses = self.guesses(x, batch)
        shares = self.shares(self.router(h, self._remembered(batch)))
        return (shares * guesses).sum(dim=1)

    def extra(self, batch: Batch) -> dict[str, Tensor]:
        """Return what each predictor says, and its share."""
        h, guesses = self.guesses(self.inputs(batch), batch)
        return {
            "predictor": guesses,
            "share": self.shares(self.router(h, self._remembered(batch))),
        }

    def guesses(self, x: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the latent states ``[n, H]`` and what each predictor says, ``[n, K]``."""
        self.backbone(x, batch)
        h, guesses = cast(Heads, self.backbone.head).take()
        if len(h) < len(x):  # a backbone that works on the present stocks alone
            whole = h.new_zeros(len(x), h.shape[1]), guesses.new_zeros(len(x), guesses.shape[1])
            for full, part in zip(whole, (h, guesses), strict=True):
                full[batch.present] = part
            return whole
        return h, guesses

    def shares(self, logits: Tensor) -> Tensor:
        """Return how much each predictor counts ``[n, K]``: drawn in training, q or its largest in use."""
        hard, temperature = self.settings.route == "hard", self.settings.temperature
        if self.training:
            return F.gumbel_softmax(logits, temperature, hard)
        if hard:
            return F.one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits.dtype)
        return torch.softmax(logits / temperature, dim=1)

    def loss(self, batch: Batch, criterion: Loss) -> Tensor:
        """Forecast loss of one day, and the cross-entropy of the router to the transport."""
        y, mask = self.labels(batch)
        known = mask & batch.present
        h, guesses = self.guesses(self.inputs(batch), batch)
        with torch.autocast(h.device.type, enabled=False):
            h, guesses = h.float(), guesses.float()
            plan = self.plan(guesses, batch, y, known)
            if self.pretraining:
                return criterion((plan * guesses).sum(dim=1), y, known)
            logits = self.router(h, self._remembered(batch))
            forecast = criterion((self.shares(logits) * guesses).sum(dim=1), y, known)
            logs = F.log_softmax(logits / self.settings.temperature, dim=1)
            crossed = -(plan * logs).sum() / known.sum().clamp_min(1)
        strength = self.settings.weight * self.settings.decay**self.taken
        self.taken += self.training
        return forecast + strength * crossed

    @torch.no_grad()
    def plan(self, guesses: Tensor, batch: Batch, y: Tensor, known: Tensor) -> Tensor:
        """Share the stocks out over the predictors, ``[n, K]``; nothing of those without a label.

        With ``memory="day"`` it is days that are shared out, this one among those before it.
        """
        s = self.settings
        plan = torch.zeros_like(guesses)
        if not bool(known.any()):
            return plan
        errors = (guesses[known] - y[known][:, None]).square()
        past = self._remembered(batch)[known]
        if s.memory == "day":
            errors, past = errors.mean(dim=0, keepdim=True), past[:1]
        seen = torch.isfinite(past).all(dim=2).any(dim=1, keepdim=True)
        before = by_range(torch.nan_to_num(past.nanmean(dim=1)))
        costs = by_range(errors)
        costs = by_range(torch.where(seen, s.blend * costs + (1 - s.blend) * before, costs))
        if s.memory == "day":
            plan[known] = transport(torch.cat([*self.costs, costs]), s.eps, s.iterations)[-1:]
            if self.training:
                self.costs.append(costs)
        else:
            plan[known] = transport(costs, s.eps, s.iterations)
        return plan

    @torch.no_grad()
    def errors(self, days: Days, row: int) -> Tensor:
        """Squared error of each predictor less their mean, ``[N, K]`` by the stocks of ``days``, NaN unknown.

        With ``memory="day"`` the mean over the stocks of the day, for all that ever are.
        """
        batch = days.batch(row, labelled=True).to(self.device)
        before = self.training
        super().train(False)
        _, guesses = self.guesses(self.inputs(batch), batch)
        super().train(before)
        y, mask = self.labels(batch)
        errors = (guesses.float() - y[:, None]).square()
        errors = (errors - errors.mean(dim=1, keepdim=True)).masked_fill(
            ~mask[:, None], float("nan")
        )
        if self.settings.memory == "day":
            return errors.nanmean(dim=0).expand(len(days.stocks), -1)
        everyone = errors.new_full((len(days.stocks), errors.shape[1]), float("nan"))
        everyone[torch.from_numpy(days.columns(row)).to(errors.device)] = errors
        return everyone

    def _remembered(self, batch: Batch) -> Tensor:
        """The memory of the batch, nothing of absent stocks."""
        if batch.memory is None:
            raise ValueError(
                f"TRA: the batch of {batch.date:%Y-%m-%d} has no memory; take it from furnish(days), "
                "as alpha.fit does"
            )
        return batch.memory.masked_fill(~batch.present[:, None, None], float("nan"))
