"""The production step: sessions that came after a fit are scored, by its last models or after a refit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.dataset import Dataset, Features
from alpha.fitted import Fitted
from alpha.graphs import Concepts, Graph
from alpha.jobs import train_all
from alpha.plan import Plan
from alpha.run_folder import RunFolder
from alpha.splits import Fold
from market import Market

Rows = NDArray[np.intp]


def update(
    fitted: Fitted,
    market: Market,
    refit: bool,
    epochs: int,
    features: Features | None,
    graph: Graph | None,
    concepts: Concepts | None,
    jobs: int,
    progress: bool,
) -> Fitted:
    """See :meth:`alpha.Fitted.update`."""
    plan, sessions = _going_on(fitted, graph, concepts)
    source = features or plan.features
    if source is None:
        raise ValueError(
            "update: the fit was given its features as an array, which the run folder does not keep; "
            "pass features= computed on the new sessions"
        )
    _check_market(fitted, market, sessions)
    new = np.arange(len(sessions), len(market.dates))
    if not len(new):
        return fitted
    fold = _fold(plan, sessions, market, new, refit)
    plan = replace(plan, config=replace(plan.config, epochs=epochs, patience=epochs))
    last = {f.seed: f for f in fitted.folds}  # by seed, the latest of its folds
    folder = None if fitted.run is None else _folder(fitted.run, sessions)
    if folder is not None:
        folder.claim_update(fold.name, replace(plan, features=source), market, refit)
    data = Dataset.of(
        market, plan.index, plan.label, source, (fold,), progress, plan.graph, plan.concepts
    )
    done = {} if folder is None else folder.found([fold.name], list(last))
    wanted = [(fold, seed) for seed in last if (fold.name, seed) not in done]
    done |= train_all(plan, data, wanted, folder, jobs, progress, starts=last)
    results = tuple(done[fold.name, seed] for seed in last)
    label = plan.label.values(market).loc[fitted.label.index[0] :]
    longer = replace(
        fitted,
        folds=fitted.folds + results,
        label=label,
        stocks=market.stocks,
        sessions=market.dates,
    )
    return longer if folder is None else folder.finish(longer)


def _going_on(
    fitted: Fitted, graph: Graph | None, concepts: Concepts | None
) -> tuple[Plan, pd.DatetimeIndex]:
    """The plan with the graph and concepts that are given now, and the sessions of the fit."""
    plan, sessions = fitted.plan, fitted.sessions
    if plan is None or sessions is None:
        raise ValueError(
            "update: these scores were made from other fits; update those and make them again"
        )
    plan = replace(plan, graph=graph or plan.graph, concepts=concepts or plan.concepts)
    return plan, sessions


def _check_market(fitted: Fitted, market: Market, sessions: pd.DatetimeIndex) -> None:
    if not market.dates[: len(sessions)].equals(sessions):
        raise ValueError(
            f"update: the market covers {market.dates[0]:%Y-%m-%d} to {market.dates[-1]:%Y-%m-%d} on "
            f"{len(market.dates)} sessions and does not begin with the {len(sessions)} sessions of the "
            f"fit, {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}; give all of them, so that "
            "features see the same past, and the new ones"
        )
    gone = fitted.stocks.difference(market.stocks)
    if len(gone):
        raise ValueError(
            f"update: {len(gone)} of {len(fitted.stocks)} stocks of the fit are not in the market, "
            f"first {list(gone[:3])}; keep delisted stocks in it"
        )


def _fold(plan: Plan, sessions: pd.DatetimeIndex, market: Market, new: Rows, refit: bool) -> Fold:
    """The new sessions as a test period; to refit, the last fold's periods moved up to them."""
    name = f"to-{market.dates[-1]:%Y-%m-%d}"
    nothing = np.arange(0)
    if not refit:
        return Fold(name, nothing, nothing, new)
    horizon = plan.label.horizon
    before = plan.splits.folds(sessions, horizon)[-1]
    valid_end = int(new[0]) - horizon  # labels from here on end in the sessions to be scored
    valid_begin = valid_end - len(before.valid)
    train_end = valid_begin - horizon
    train_begin = max(train_end - len(before.train), 0)
    return Fold(name, np.arange(train_begin, train_end), np.arange(valid_begin, valid_end), new)


def _folder(run: Path, sessions: pd.DatetimeIndex) -> RunFolder:
    folder = RunFolder(run)
    kept = folder.sessions()
    if kept[-1] > sessions[-1]:
        raise ValueError(
            f"update: {folder.path} has been updated to {kept[-1]:%Y-%m-%d} since this fit was read "
            f"({sessions[-1]:%Y-%m-%d}); read it again by alpha.load"
        )
    return folder
