"""Small markets and random targets for the tests of this folder."""

from __future__ import annotations

import numpy as np
import pandas as pd

from market import Market, Venue

NAN = float("nan")


def one_price(closes: dict[str, list[float]], start: str = "2021-03-01", **fields) -> Market:
    """A market whose bars are one price a day; NaN is a day without a trade; no limits by default."""
    close = np.array(list(closes.values()), dtype=np.float32).T
    venue = fields.pop("venue", Venue.open())
    options = {key: fields.pop(key) for key in ("levels", "securities") if key in fields}
    volume = np.where(np.isnan(close), np.nan, 1e6).astype(np.float32)
    bars = {"open": close, "high": close, "low": close, "close": close, "volume": volume}
    given = {name: np.asarray(value) for name, value in fields.items()}
    dates = pd.bdate_range(start, periods=len(close))
    return Market(dates, pd.Index(list(closes)), {**bars, **given}, venue=venue, **options)


def random_world(
    seed: int, days: int = 40, stocks: int = 8, *, quiet: bool = False, index: bool = True,
    boards: bool = False,
) -> Market:  # fmt: skip
    """Random bars; unless ``quiet``, with suspensions, refusals, ex-dates, a listing, a delisting.

    With ``boards`` every third stock is on STAR, lots are those of the boards and volumes vary.
    """
    random = np.random.default_rng(seed)
    shape = (days, stocks)
    move = np.clip(0.03 * random.standard_normal(shape), -0.09, 0.09)
    move[1] = 0.0  # the first fills happen at the prices of the decision
    close = np.round(20.0 * np.exp(np.cumsum(move, axis=0)), 2)
    spread = 1.0 + 0.01 * random.random(shape)
    high, low = np.round(close * spread, 2), np.round(close / spread, 2)
    opened = np.clip(np.round(close * (2.0 - spread), 2), low, high)
    vwap = low + (high - low) * random.random(shape)
    factor = np.ones(shape)
    if not quiet:
        factor = np.cumprod(1.0 + 0.2 * (random.random(shape) < 0.03), axis=0)
        gone = random.random(shape) < 0.06
        gone[0] = False
        gone[: random.integers(1, days), -1] = True  # listed later
        gone[random.integers(days // 2, days) :, -2] = True  # delisted
        for bars in (opened, high, low, close, vwap):
            bars[gone] = NAN
    fields = {"open": opened, "high": high, "low": low, "close": close, "vwap": vwap}
    fields = {name: values.astype(np.float32) for name, values in fields.items()}
    fields["factor"] = factor.astype(np.float32)
    fields["volume"] = np.where(np.isnan(fields["close"]), np.nan, 1e6).astype(np.float32)
    paid = np.where(np.random.default_rng((seed, 1)).random(shape) < 0.1, 0.5, 0.0)
    fields["cash_dividend"] = paid.astype(np.float32)  # whatever the factor says
    if index:
        fields.update(_index(shape, random))
    if not quiet:  # tradability by decree: a stored field stands before the derived one
        traded, draw = ~np.isnan(fields["close"]), random.random(shape)
        fields["can_buy"], fields["can_sell"] = traded & (draw > 0.08), traded & (draw < 0.92)
    codes = pd.Index([f"SH6000{i:02d}" for i in range(stocks)])
    options = {"venue": Venue.open()}
    if boards:
        fields["volume"] *= random.lognormal(0.0, 2.0, shape).astype(np.float32)
        board = np.where(np.arange(stocks) % 3 == 2, "star", "main")
        options = {
            "venue": Venue(lots=Venue.cn().lots),
            "securities": pd.DataFrame({"board": board}, index=codes),
        }
    return Market(pd.bdate_range("2023-07-03", periods=days), codes, fields, **options)


def _index(shape: tuple[int, int], random: np.random.Generator) -> dict[str, np.ndarray]:
    snapshot = np.full(shape, np.nan, dtype=np.float32)
    weight = 0.1 + random.random(shape[1] // 2)
    snapshot[0, : shape[1] // 2] = weight / weight.sum()
    member = np.zeros(shape, dtype=bool)
    member[:, : shape[1] // 2] = True
    return {"snapshot:half": snapshot, "member:half": member}


def random_targets(market: Market, seed: int, every: int = 5) -> pd.DataFrame:
    """Random weights, some with cash, for stocks that have a price on the date."""
    random = np.random.default_rng(seed)
    dates = market.dates[:-1:every]
    priced = ~np.isnan(market.field("adj_close").loc[dates].to_numpy())
    raw = np.where(priced & (random.random(priced.shape) < 0.7), random.random(priced.shape), 0.0)
    total = np.maximum(raw.sum(axis=1, keepdims=True), 1e-9)
    invested = np.where(random.random((len(dates), 1)) < 0.5, 1.0, 0.8)
    return pd.DataFrame(raw / total * invested, index=dates, columns=market.stocks)
