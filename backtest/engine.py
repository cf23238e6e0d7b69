"""The one call of the package: check what was asked, play it, and write down what it was."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, TypedDict, Unpack, overload
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from backtest.exchange import View
from backtest.period import decision_rows, level, span
from backtest.plain import description, plain
from backtest.result import Result
from backtest.settings import Settings, WithEta
from backtest.simulation import Policy, Simulation
from backtest.tape import Tape, depth_of, tape_of
from market import Costs, Market
from market.calendar import Schedule
from market.progress import track

Array = np.ndarray
Date = pd.Timestamp | str


class Options(TypedDict, total=False):
    """The keywords of ``run``, for the type checker."""

    benchmark: str | None
    costs: Costs | None
    schedule: Schedule
    deal: str
    capital: float
    delisting_haircut: float
    lots: bool
    participation: float | None
    impact: WithEta | None
    retry: str
    progress: bool


# A market is frozen, so its digest is taken once however many runs it serves
_FINGERPRINTS: WeakKeyDictionary[Market, str] = WeakKeyDictionary()


@overload
def run(
    market: Market,
    policy: Policy,
    start: Date | None = ...,
    end: Date | None = ...,
    **how: Unpack[Options],
) -> Result: ...
@overload
def run(
    market: Market,
    policy: Mapping[str, Policy],
    start: Date | None = ...,
    end: Date | None = ...,
    **how: Unpack[Options],
) -> dict[str, Result]: ...
def run(
    market: Market,
    policy: Policy | Mapping[str, Policy],
    start: Date | None = None,
    end: Date | None = None,
    *,
    benchmark: str | None = None,
    costs: Costs | None = None,
    schedule: Schedule = "weekly",
    deal: str = "vwap",
    capital: float = 1e8,
    delisting_haircut: float = 0.0,
    lots: bool = False,
    participation: float | None = None,
    impact: WithEta | None = None,
    retry: str = "next",
    progress: bool = False,
) -> Result | dict[str, Result]:
    """Run a policy over the sessions from ``start`` to ``end``.

    The account opens, all cash, at the close of the first rebalance date at or after ``start``, where
    the policy is asked for the first time; net asset value and benchmark are 1 there.

    Parameters
    ----------
    market
        The data. Fills use rows up to ``end``; a decision at t uses rows up to t.
    policy
        ``policy(snapshot)`` returns target weights, fractions of net asset value by stock, or an
        object with ``weights`` and ``log``. What the weights leave below 1 stays in cash. It may
        return ``Orders`` instead. Several policies by name are played in one pass, each on an account
        of its own.
    start, end
        First and last session; the market's own when left out.
    benchmark
        Name of an index; ``policy.benchmark`` when left out and there is one.
    costs
        Charges; ``Costs.cn()`` when left out.
    schedule
        Rebalance dates: see ``market.rebalance_dates``. Nothing is decided on the last session of the
        run, which none follows; a note says so where explicit dates have it.
    deal
        Price of the fills: ``vwap``, ``open``, ``close`` or ``typical`` of the next session. Where it
        is the upper limit nothing is bought, where it is the lower one nothing is sold.
    capital
        CNY at the start. It matters through minimum commission, lots, participation and impact.
    delisting_haircut
        Fraction of the last price that is lost when a held stock leaves the exchange.
    lots
        Trade in the lots of each stock's board, in shares of the session; odd lots are only sold, and
        with the whole position. A difference below a lot is no order. Off: fractions of a share.
    participation
        Largest share of a session's volume that one order may be; None: no cap.
    impact
        A square-root law by its ``eta``, such as ``market.costs.SquareRootImpact(1.0)`` or the
        optimiser's ``Impact``: charged on every fill, on volatility and traded value as known at the
        close before. None: none.
    retry
        ``next``: what stays unfilled waits for the next rebalance. ``daily``: it is sent again on each
        session until then.
    progress
        Show a bar.

    Returns
    -------
    Result or dict
        A ``Result``, or one by name.

    Raises
    ------
    DataError
        An unknown benchmark or deal price, dates outside the data, a schedule without a date that a
        session follows or with one that is none, or an answer that is NaN, negative, above 1 in sum,
        of unknown stocks, or has two orders of one stock.
    TypeError
        A policy that is not callable, or a setting of the wrong kind.
    """
    policies = _policies(policy)
    rows = span(market, start, end)
    charges = costs if costs is not None else Costs.cn()
    settings = Settings(
        benchmark, charges, deal, capital, delisting_haircut, lots, participation, impact, retry
    )
    schedule = _read(schedule)
    decide_on = decision_rows(market, rows, schedule)
    told = {name: _told(settings, one) for name, one in policies.items()}
    levels = {
        name: level(market, name, int(decide_on[0]), rows.stop)
        for name in {each.benchmark for each in told.values()}
        if name is not None
    }
    known = market.between(market.dates[0], market.dates[rows.stop - 1])
    tape = _tape(known, settings, int(decide_on[0]))
    accounts = {
        name: Simulation(known, tape, told[name], one, decide_on) for name, one in policies.items()
    }
    _play(known, list(accounts.values()), decide_on, progress)
    results = {
        name: account.result(
            None if (index := told[name].benchmark) is None else levels[index],
            _config(market, policies[name], told[name], schedule),
            _unfollowed(known.dates[-1], schedule),
        )
        for name, account in accounts.items()
    }
    return results if isinstance(policy, Mapping) else results[""]


def _policies(policy: Policy | Mapping[str, Policy]) -> Mapping[str, Policy]:
    """Return the policies by name; one alone has none."""
    policies = policy if isinstance(policy, Mapping) else {"": policy}
    if not policies:
        raise ValueError("there is no policy to run; give one, or several by name")
    for name, one in policies.items():
        if isinstance(one, type) or not callable(one):
            called = f"policy {name!r}" if name else "policy"
            what = f"the class {one.__name__}" if isinstance(one, type) else type(one).__name__
            raise TypeError(
                f"{called} is {what}; give a callable from a snapshot to weights, such as "
                "TopN(scores, 50), or several as a mapping by name"
            )
    return policies


def _read(schedule: Schedule) -> Schedule:
    """Return explicit dates as an index, read once; any other schedule as it is."""
    if isinstance(schedule, str) or not isinstance(schedule, Iterable):
        return schedule
    return pd.DatetimeIndex([pd.Timestamp(date) for date in schedule])


def _unfollowed(last: pd.Timestamp, schedule: Schedule) -> tuple[str, ...]:
    """Return a note where explicit dates have the last session, on which nobody is asked."""
    if not (isinstance(schedule, pd.DatetimeIndex) and last in schedule):
        return ()
    return (f"nothing was decided on {last:%Y-%m-%d}: no session of the run follows that date",)


def _told(settings: Settings, policy: Policy) -> Settings:
    """Return the settings of one policy, whose own benchmark counts where none was given."""
    if settings.benchmark is not None:
        return settings
    return replace(settings, benchmark=getattr(policy, "benchmark", None))


def _tape(market: Market, settings: Settings, first: int) -> Tape:
    depth = None
    if settings.impact is not None:
        depth = depth_of(market, float(settings.impact.eta), settings.capital, first)
    capped = settings.participation is not None
    return tape_of(market, settings.deal, settings.costs, capped, depth)


def _play(market: Market, accounts: list[Simulation], decide_on: Array, progress: bool) -> None:
    """Play all accounts; what the policies see of the market is made once a session."""
    asked = [account for account in accounts if not account.play_known()]
    if not asked:
        return
    decisions, first = frozenset(decide_on.tolist()), int(decide_on[0])
    sessions = range(first, len(market.dates))
    for row in track(sessions, progress, "sessions", len(sessions)):
        if row in decisions:
            view = View.at(market, row)
            for account in asked:
                account.decide(view)


def _config(
    market: Market, policy: Policy, settings: Settings, schedule: Schedule
) -> dict[str, Any]:
    """Return what would repeat the run: settings, data fingerprint, versions."""
    explicit = isinstance(schedule, pd.DatetimeIndex)
    return {
        "benchmark": settings.benchmark,
        "schedule": "explicit dates" if explicit else plain(schedule),
        "deal": settings.deal,
        "capital": settings.capital,
        "delisting_haircut": settings.delisting_haircut,
        "lots": settings.lots,
        "participation": settings.participation,
        "impact": None if settings.impact is None else float(settings.impact.eta),
        "retry": settings.retry,
        "costs": asdict(settings.costs),
        "policy": description(policy),
        "data": _fingerprint(market),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
    }


def _fingerprint(market: Market) -> str:
    if market not in _FINGERPRINTS:
        _FINGERPRINTS[market] = market.fingerprint()
    return _FINGERPRINTS[market]
