"""Fair total returns, day by day: exposures known yesterday times factor returns of today.

r[t] = country + industry + X[t-1] f[t] + h g[t] + specific[t] + alpha drift[t]

The exposures X are read off the simulated stocks themselves (size is the log of the market value that
the returns built up, momentum their past returns, value their reported books), which is why the loop
over days cannot be taken apart and why a risk model estimated from the fields can find them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from market.simulation.draws import Draws
from market.simulation.reports import Books
from market.simulation.shocks import STYLES, base_volatility, long_run_covariance
from market.simulation.styles import style_exposures
from market.simulation.universe import INDUSTRIES

Array = np.ndarray

MOMENTUM_LAG = 21  # sessions of the most recent month that momentum leaves out
_BETA_DECAY = 0.5 ** (1 / 63)  # half-lives in sessions, those of the Barra descriptors
_VOLATILITY_DECAY = 0.5 ** (1 / 42)
_MOMENTUM_DECAY = 0.5 ** (1 / 126)
_WORST = -0.60  # a fair price falls no further in a day; the rest is taken off the specific return
HIDDEN_SHARE = 0.10  # of common variance is driven by the factor that is not among the styles
_BOOKED = ("book_equity", "net_income", "dividends", "debt_to_assets")
_INDUSTRIES = slice(1, 1 + len(INDUSTRIES))
_STYLES = slice(1 + len(INDUSTRIES), None)


@dataclass(frozen=True, eq=False)
class Economy:
    """What the loop leaves behind, ``[T, N]`` unless said otherwise; money in CNY."""

    returns: Array  # fair total returns
    specific: Array
    cap: Array  # fair market value
    paid: Array  # dividend of the session as a fraction of yesterday's market value
    styles: Array  # [T, N, S] float32, known at the close of t
    hidden_trait: Array  # [N] what the loading is made of
    hidden_loading: Array  # known at the close of t, uncorrelated with the styles of that day
    hidden_returns: Array  # [T]
    hidden_volatility: Array  # [T + 1]
    book_equity: Array
    net_income: Array
    dividends: Array
    debt_to_assets: Array


class _Past:
    """Running moments of past returns ``[N]``: what beta, volatility and momentum are read from."""

    def __init__(self, rng: np.random.Generator, volatility: Array) -> None:
        stocks, market = len(volatility), base_volatility()[0]
        beta = 1.0 + rng.normal(0, 0.25, stocks)
        total = np.sqrt(volatility**2 + (beta * market) ** 2)
        self._cross, self._market = beta * market**2, market**2
        self._square = total**2
        self._trend = rng.normal(0, 1, stocks) * total / np.sqrt(1 - _MOMENTUM_DECAY**2)
        self._recent = rng.normal(0, 1, (MOMENTUM_LAG, stocks)) * total
        self._turn = 0

    def add(self, returns: Array, market: float) -> None:
        """Take in the returns of a session ``[N]`` and of the cap-weighted market."""
        self._cross += (1 - _BETA_DECAY) * (returns * market - self._cross)
        self._market += (1 - _BETA_DECAY) * (market**2 - self._market)
        self._square += (1 - _VOLATILITY_DECAY) * (returns**2 - self._square)
        self._trend *= _MOMENTUM_DECAY
        self._trend += self._recent[self._turn]
        self._recent[self._turn] = np.log1p(returns)
        self._turn = (self._turn + 1) % MOMENTUM_LAG

    @property
    def beta(self) -> Array:
        return self._cross / self._market

    @property
    def momentum(self) -> Array:
        return self._trend

    @property
    def volatility(self) -> Array:
        return np.sqrt(self._square)


def evolve(rng: np.random.Generator, draws: Draws, rows: Iterable[int]) -> Economy:
    """Run the economy over the sessions ``rows`` = 1, 2, ..., T - 1.

    ``rng`` draws what lies before the first session, and the books. ``rows`` may show a bar.
    """
    universe, specific = draws.universe, draws.specific.copy()
    shape, cap = specific.shape, universe.cap
    books = Books(rng, cap, universe.industry)
    past = _Past(rng, draws.volatility[0])
    out = {name: np.zeros(shape) for name in ("returns", "cap", "paid", *_BOOKED)}
    styles = np.empty((shape[0], len(STYLES), shape[1]), dtype=np.float32)

    def keep(t: int, cap: Array) -> Array:
        """Note down the close of t and read off the exposures ``[S, N]`` known then."""
        exposures = _exposures(past, books, cap, draws, t)
        styles[t], out["cap"][t] = exposures, cap
        for name in _BOOKED:
            out[name][t] = getattr(books, name)
        return exposures

    exposures = keep(0, cap)
    trait, scale = _hidden(rng, exposures, universe.industry, universe.listed[0])
    hidden, loading = draws.hidden_returns * scale, np.empty(shape)
    loading[0] = _unseen(trait, exposures, cap, universe.listed[0])
    for t in rows:
        factors = draws.factor_returns[t]
        fair = factors[0] + factors[_INDUSTRIES][universe.industry] + factors[_STYLES] @ exposures
        fair += loading[t - 1] * hidden[t] + specific[t] + draws.planted.drift[t]
        returns = np.maximum(fair, _WORST)
        specific[t] += returns - fair
        alive = universe.listed[t]
        past.add(returns, float(cap[alive] @ returns[alive] / cap[alive].sum()))
        paid = books.pay(draws.ex_dates[t], cap) / cap
        cap = cap * (1.0 - paid) * (1.0 + returns)
        out["returns"][t], out["paid"][t] = returns, paid
        books.report(draws.announced[t], cap, universe.st[t])
        exposures = keep(t, cap)
        loading[t] = _unseen(trait, exposures, cap, universe.listed[t])
    return Economy(
        specific=specific, styles=styles.transpose(0, 2, 1), hidden_trait=trait, hidden_loading=loading,
        hidden_returns=hidden,
        hidden_volatility=draws.hidden_volatility * scale, **out,
    )  # fmt: skip


def _exposures(past: _Past, books: Books, cap: Array, draws: Draws, t: int) -> Array:
    """Exposures ``[S, N]`` at the close of session t."""
    descriptors = {
        "size": np.log(cap),
        "nonlinear_size": np.zeros_like(cap),  # follows from size
        "beta": past.beta,
        "momentum": past.momentum,
        "residual_volatility": past.volatility,
        "liquidity": draws.turnover.liquidity[t],
        "value": books.book_equity / cap,
        "earnings_yield": books.net_income / cap,
        "dividend_yield": books.dividends / cap,
        "leverage": books.debt_to_assets,
    }
    ordered = np.stack([descriptors[name] for name in STYLES])
    return style_exposures(ordered, cap, draws.universe.listed[t])


def _hidden(
    rng: np.random.Generator, exposures: Array, industry: Array, listed: Array
) -> tuple[Array, float]:
    """Trait ``[N]`` orthogonal to all exposures, and the daily volatility that gives the share."""
    ones = np.ones((1, len(industry)))
    known = np.concatenate([ones, np.eye(len(INDUSTRIES))[:, industry], exposures])
    drawn = rng.standard_normal(len(industry))
    drawn -= known.T @ np.linalg.lstsq(known.T, drawn, rcond=None)[0]
    common = np.einsum("kn,kj,jn->n", known, long_run_covariance(), known)[listed].mean()
    return drawn / drawn.std(), float(np.sqrt(common * HIDDEN_SHARE / (1.0 - HIDDEN_SHARE)))


def _unseen(trait: Array, exposures: Array, cap: Array, listed: Array) -> Array:
    """The part of the trait ``[N]`` that no style shows today, scaled as the styles are."""
    basis = np.concatenate([np.ones((1, len(trait))), exposures])
    known, weight = basis[:, listed], cap[listed] / cap[listed].sum()
    rest = trait - np.linalg.solve(known @ known.T, known @ trait[listed]) @ basis
    return (rest - rest[listed] @ weight) / rest[listed].std()
