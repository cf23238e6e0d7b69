"""Prices at which stocks start, and how many shares there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

_MEDIAN_PRICE = 17.0  # CNY
_LOCKED_SESSIONS = 250  # after a listing: three quarters of the shares stay locked this long
_LISTING_FLOAT = 0.25
_KEPT = 0.3  # how fast the free float falls with size: states and founders keep most of the giants


@dataclass(frozen=True, eq=False)
class Issue:
    """How a stock starts, ``[N]``: fair ``price`` (CNY), ``premium`` of it over the issue price, number
    of ``shares``, and the ``free_float`` fraction once no lock-up holds.
    """

    price: Array
    premium: Array
    shares: Array
    free_float: Array


def draw_issue(rng: np.random.Generator, cap: Array, first: Array) -> Issue:
    """Draw the start of each stock whose fair market value on its first session or eve is ``cap``."""
    stocks = len(cap)
    price = np.clip(_MEDIAN_PRICE * np.exp(rng.normal(0, 0.5, stocks)), 6.0, 150.0)
    premium = np.where(first > 0, np.abs(rng.normal(0.5, 0.3, stocks)), 0.0)
    giant = np.maximum(cap / np.median(cap), 1.0) ** _KEPT
    free_float = rng.uniform(0.35, 1.0, stocks) / giant
    return Issue(price, premium, np.round(cap / price), free_float)


def shares_outstanding(issue: Issue, split: Array, first: Array) -> tuple[Array, Array]:
    """Return all shares and the tradable ones ``[T, N]``; ``split`` multiplies them on its session."""
    shares = issue.shares * np.cumprod(split, axis=0)
    row = np.arange(len(split))[:, None]
    locked = (first > 0) & (row < first + _LOCKED_SESSIONS)
    return shares, shares * np.where(locked, _LISTING_FLOAT, issue.free_float)
