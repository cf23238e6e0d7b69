"""Many runs side by side: processes that share the data and do not outlive the one that asked."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from multiprocessing import current_process
from typing import Any

from joblib import Parallel, delayed

from backtest.cells import Limits
from backtest.engine import run
from backtest.result import Result
from backtest.simulation import Policy
from market import Market, rebalance_dates


def played(
    market: Market,
    factory: Callable[..., Policy],
    cells: Mapping[int, Limits],
    options: Mapping[str, Any],
    workers: int,
) -> Iterator[tuple[int, Result | str]]:
    """Yield the outcomes of the cells by their number, as they finish."""
    if not cells:
        return
    workers = min(workers, len(cells))
    if workers > 1:
        market = _warmed(market, factory, next(iter(cells.values())), options)
    jobs = (
        delayed(_cell)(k, market, factory, limits, options, os.getpid())
        for k, limits in cells.items()
    )
    yield from Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)


def _cell(
    k: int,
    market: Market,
    factory: Callable[..., Policy],
    limits: Limits,
    options: Mapping[str, Any],
    owner: int,
) -> tuple[int, Result | str]:
    _end_with(owner)
    try:
        return k, run(market, factory(**limits), **options)
    except Exception as error:  # noqa: BLE001  a policy may fail in any way: its cell says how
        return k, f"{type(error).__name__}: {error}"


def _end_with(owner: int) -> None:
    """Let a worker process end when the process that started it is gone, killed for instance.

    It would otherwise finish its cell for nobody and hold the shared memory for minutes.
    """
    if os.getppid() != owner:
        if current_process().name.startswith("LokyProcess"):
            os._exit(1)  # the owner was killed before this cell; a cluster's workers differ in name
        return
    name = f"owner {owner}"
    if any(thread.name == name for thread in threading.enumerate()):
        return

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name=name, daemon=True).start()


def _warmed(
    market: Market, factory: Callable[..., Policy], limits: Limits, options: Mapping[str, Any]
) -> Market:
    """Return the market with the fields that a run reads in memory, so that workers share them.

    What a worker had to load or derive itself, each would do and hold again for every cell. One
    decision and the fills of the day after touch all that a usual policy needs.
    """
    with suppress(Exception):  # the cell itself will say what is wrong
        span = market.between(
            options["start"] or market.dates[0], options["end"] or market.dates[-1]
        )
        first = market.row(rebalance_dates(span.dates, options["schedule"])[0])
        run(market, factory(**limits), **{**options, "end": market.dates[first + 1]})
    return market.between(market.dates[0], market.dates[-1])  # without the slices that it keeps
