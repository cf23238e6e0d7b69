"""Short list of the 101 formulaic alphas (Kakushadze 2016, arXiv:1601.00991).

Those without industry neutralisation and without fractional windows. ``adv`` is the average traded value in
CNY; where the paper sets volume against it, traded value stands on both sides. Constants in units of price
(46, 49, 51, 101) are multiplied by the adjustment factor, so they act on the price that was paid.
"""

from collections.abc import Mapping

from alpha.features.feature_set import FeatureSet

# Parts that recur, by the name between braces
_PARTS = {
    "r": "(close / lag(close, 1) - 1)",
    "d1": "delta(close, 1)",
    "adv20": "mean(amount, 20)",
    "busy": "(amount / mean(amount, 20))",
    "bend": "((lag(close, 20) - 2 * lag(close, 10) + close) / 10 / factor)",
    "place": "((close - low) - (high - close))",
}

_TEXTS = {
    1: "rank(ts_argmax(signedpower(std({r}, 20) if {r} < 0 else close, 2), 5)) - 0.5",
    2: "-corr(rank(delta(log(volume), 2)), rank((close - open) / open), 6)",
    3: "-corr(rank(open), rank(volume), 10)",
    4: "-ts_rank(rank(low), 9)",
    5: "rank(open - mean(vwap, 10)) * -abs(rank(close - vwap))",
    6: "-corr(open, volume, 10)",
    7: "-ts_rank(abs(delta(close, 7)), 60) * sign(delta(close, 7)) if {adv20} < amount else -1",
    8: "-rank(sum(open, 5) * sum({r}, 5) - lag(sum(open, 5) * sum({r}, 5), 10))",
    9: "{d1} if max(ts_min({d1}, 5) > 0, ts_max({d1}, 5) < 0) else -{d1}",
    10: "rank({d1} if max(ts_min({d1}, 4) > 0, ts_max({d1}, 4) < 0) else -{d1})",
    11: "(rank(ts_max(vwap - close, 3)) + rank(ts_min(vwap - close, 3))) * rank(delta(volume, 3))",
    12: "sign(delta(volume, 1)) * -{d1}",
    13: "-rank(cov(rank(close), rank(volume), 5))",
    14: "-rank(delta({r}, 3)) * corr(open, volume, 10)",
    15: "-sum(rank(corr(rank(high), rank(volume), 3)), 3)",
    16: "-rank(cov(rank(high), rank(volume), 5))",
    17: "-rank(ts_rank(close, 10)) * rank(delta({d1}, 1)) * rank(ts_rank({busy}, 5))",
    18: "-rank(std(abs(close - open), 5) + (close - open) + corr(close, open, 10))",
    19: "-sign(2 * delta(close, 7)) * (1 + rank(1 + sum({r}, 250)))",
    20: "-rank(open - lag(high, 1)) * rank(open - lag(close, 1)) * rank(open - lag(low, 1))",
    22: "-delta(corr(high, volume, 5), 5) * rank(std(close, 20))",
    23: "-delta(high, 2) if mean(high, 20) < high else 0",
    25: "rank(-{r} * {adv20} * vwap * (high - close))",
    26: "-ts_max(corr(ts_rank(volume, 5), ts_rank(high, 5), 5), 3)",
    28: "scale(corr({adv20}, low, 5) + (high + low) / 2 - close)",
    30: "(1 - rank(sign({d1}) + sign(lag({d1}, 1)) + sign(lag({d1}, 2))))"
    " * sum(volume, 5) / sum(volume, 20)",
    32: "scale(mean(close, 7) - close) + 20 * scale(corr(vwap, lag(close, 5), 230))",
    33: "rank(open / close - 1)",
    34: "rank((1 - rank(std({r}, 2) / std({r}, 5))) + (1 - rank({d1})))",
    35: "ts_rank(volume, 32) * (1 - ts_rank(close + high - low, 16)) * (1 - ts_rank({r}, 32))",
    37: "rank(corr(lag(open - close, 1), close, 200)) + rank(open - close)",
    38: "-rank(ts_rank(close, 10)) * rank(close / open)",
    39: "-rank(delta(close, 7) * (1 - rank(decay_linear({busy}, 9)))) * (1 + rank(sum({r}, 250)))",
    40: "-rank(std(high, 10)) * corr(high, volume, 10)",
    41: "sqrt(high * low) - vwap",
    42: "rank(vwap - close) / rank(vwap + close)",
    43: "ts_rank({busy}, 20) * ts_rank(-delta(close, 7), 8)",
    44: "-corr(high, rank(volume), 5)",
    46: "-1 if {bend} > 0.25 else (1 if {bend} < 0 else -{d1})",
    49: "1 if {bend} < -0.1 else -{d1}",
    50: "-ts_max(rank(corr(rank(volume), rank(vwap), 5)), 5)",
    51: "1 if {bend} < -0.05 else -{d1}",
    52: "(lag(ts_min(low, 5), 5) - ts_min(low, 5)) * rank((sum({r}, 240) - sum({r}, 20)) / 220)"
    " * ts_rank(volume, 5)",
    53: "-delta({place} / (close - low), 9)",
    54: "-(low - close) * open ** 5 / ((low - high) * close ** 5)",
    55: "-corr(rank((close - ts_min(low, 12)) / (ts_max(high, 12) - ts_min(low, 12))),"
    " rank(volume), 6)",
    60: "-(2 * scale(rank({place} / (high - low) * volume)) - scale(rank(ts_argmax(close, 10))))",
    101: "(close - open) / (high - low + 0.001 * factor)",
}

FORMULAS: Mapping[str, str] = {
    f"ALPHA{number}": text.format(**_PARTS) for number, text in _TEXTS.items()
}

ALPHA101 = FeatureSet("alpha101", FORMULAS)
