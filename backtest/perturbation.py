"""Other futures: a market in which everything that was not known after a session is replaced."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pandas as pd

from market import DataError, Market

Array = np.ndarray

PERTURBATIONS = ("noise", "shuffle", "missing")
_DATED = ("listed_on", "delisted_on")  # facts of a stock that carry the date of what happened
_YEAR = 365  # days within which a future date is drawn anew


def perturbed(market: Market, row: int, kind: str, random: np.random.Generator) -> Market:
    """Return a market in which all that was not known after the session ``row`` is replaced.

    Every stored value of a later session, index levels, listings and delistings of later dates, and the
    names of the stocks, which are those of the day on which the data were taken. The truth of a
    simulated market is None.

    Raises
    ------
    DataError
        An unknown kind, or a market that is sliced or selected.
    """
    if kind not in PERTURBATIONS:
        raise DataError(f"perturbation {kind!r} is unknown; use some of {PERTURBATIONS}")
    market.with_fields({})  # refuses a part of a market: what lies before it would be lost
    fields = {}
    for name in market.fields:
        values = market.values(name).copy()
        values[row + 1 :] = _replaced(values[row + 1 :], kind, random)
        fields[name] = values
    levels = market.levels.copy()
    later = levels.iloc[row + 1 :].to_numpy(dtype=np.float64)
    levels.iloc[row + 1 :] = _replaced(later, "noise" if kind == "shuffle" else kind, random)
    securities = _securities(market.securities, market.dates[row], kind, random)
    return _with(market, fields, securities, levels)


def with_all_replaced(market: Market, random: np.random.Generator) -> Market:
    """Return a market with noise in every session, in all fields but who is listed.

    A list of stocks that differs would move a policy that reads nothing else of the market.
    """
    fields = {name: market.values(name) for name in market.fields}
    for name, values in fields.items():
        if name != "listed":
            fields[name] = _replaced(values, "noise", random).astype(values.dtype)
    levels = market.levels * np.exp(0.3 * random.standard_normal(market.levels.shape))
    return _with(market, fields, market.securities, levels)


def with_session_moved(market: Market, row: int) -> Market:
    """Return a market in which the prices of one session are higher, by 10% to 100%."""
    factors = np.linspace(1.1, 2.0, len(market.stocks), dtype=np.float32)
    fields = {}
    for name in ("open", "high", "low", "close", "vwap"):
        if market.has(name):
            values = market.values(name).copy()
            values[row] *= factors
            fields[name] = values
    return market.with_fields(fields)


def _with(
    market: Market, fields: dict[str, Array], securities: pd.DataFrame, levels: pd.DataFrame
) -> Market:
    """Return a market of other data, without the truth of the one that was simulated."""
    return Market(
        market.dates,
        market.stocks,
        fields,
        securities=securities,
        levels=levels,
        categories=_categories(market),
        venue=market.venue,
        notes=market.notes,
    )


def _replaced(later: Array, kind: str, random: np.random.Generator) -> Array:
    """Return other values of the same type for the block ``later`` ``[rows, N]``."""
    if kind == "shuffle":
        return later[:, random.permutation(later.shape[1])]
    if kind == "noise":
        if np.issubdtype(later.dtype, np.floating):
            return _noisy(later, random)
        if later.dtype == bool:
            return later ^ (random.random(later.shape) < 0.3)
        return random.integers(later.min(), later.max() + 1, later.shape)
    missing = {"b": False, "i": -1}.get(later.dtype.kind, np.nan)
    return np.full_like(later, missing)


def _noisy(later: Array, random: np.random.Generator) -> Array:
    """Return values moved by about 30%, and something where there was nothing, as on other ex-dates."""
    other = later * np.exp(0.3 * random.standard_normal(later.shape))
    nothing = later == 0.0
    if nothing.any():
        some = np.abs(later[~nothing & np.isfinite(later)])
        size = some.mean() if len(some) else 1.0
        other[nothing] = random.exponential(size, int(nothing.sum()))
    return other


def _securities(
    given: pd.DataFrame, date: pd.Timestamp, kind: str, random: np.random.Generator
) -> pd.DataFrame:
    """Return the facts of the stocks without the names, and with other dates after ``date``."""
    frame = given.copy()
    frame["name"] = ""
    for column in _DATED:
        open_ = ~(frame[column] <= date).to_numpy()  # not yet, as far as is known on the date
        dates = frame[column].to_numpy().copy()
        dates[open_] = _redated(dates[open_], date, kind, random)
        frame[column] = dates
    return frame


def _redated(later: Array, date: pd.Timestamp, kind: str, random: np.random.Generator) -> Array:
    if kind == "shuffle":
        return random.permutation(later)
    if kind == "missing":
        return np.full_like(later, np.datetime64("NaT"))
    drawn = date.to_datetime64() + random.integers(1, _YEAR, len(later)).astype("timedelta64[D]")
    return np.where(np.isnat(later), later, drawn)


def _categories(market: Market) -> dict[str, tuple[str, ...]]:
    """Return the labels of the fields that have some."""
    found = {}
    for name in market.fields:
        with suppress(DataError):  # a field of plain numbers
            found[name] = market.categories(name)
    return found
