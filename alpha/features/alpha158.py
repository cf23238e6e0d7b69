"""Alpha158, the daily price-volume features of the qlib handler of that name, variant with vwap.

Departures from the original (pyqlib 0.9.7):

- A day without volume is missing rather than zero.
- The test for a constant window is relative to the level of the series: the original's absolute 2e-5 deletes
  RSQR and CORR of heavily adjusted cheap stocks.
- Logarithms, ratios and moves stay in double precision until a window is summed. The original rounds them to
  single first, which over windows that hardly move costs up to 5e-4 in CORD5 and 1e-4 to 1e-5 in CORD10,
  CORD20, CORR5, CORR10 and WVMA10; rounding the same way gives its numbers to 6e-8.
- WVMA is 0 where the price stood still all window long. The running variance of the original leaves a
  residue there, which it divides by 1e-12: 5e10 in WVMA5.

Where nothing is missing the other 151 columns agree with the original within 1e-5.
"""

from collections.abc import Mapping

from alpha.features.feature_set import FeatureSet

WINDOWS = (5, 10, 20, 30, 60)

_CANDLE = {
    "KMID": "(close - open) / open",
    "KLEN": "(high - low) / open",
    "KMID2": "(close - open) / (high - low + 1e-12)",
    "KUP": "(high - max(open, close)) / open",
    "KUP2": "(high - max(open, close)) / (high - low + 1e-12)",
    "KLOW": "(min(open, close) - low) / open",
    "KLOW2": "(min(open, close) - low) / (high - low + 1e-12)",
    "KSFT": "(2 * close - high - low) / open",
    "KSFT2": "(2 * close - high - low) / (high - low + 1e-12)",
    "OPEN0": "open / close",
    "HIGH0": "high / close",
    "LOW0": "low / close",
    "VWAP0": "vwap / close",
}
# {d} is a window; 1e-12, of the original, keeps 0 / 0 at 0
_ROLLING = {
    "ROC": "lag(close, {d}) / close",
    "MA": "mean(close, {d}) / close",
    "STD": "std(close, {d}) / close",
    "BETA": "slope(close, {d}) / close",
    "RSQR": "rsquare(close, {d})",
    "RESI": "residual(close, {d}) / close",
    "MAX": "ts_max(high, {d}) / close",
    "MIN": "ts_min(low, {d}) / close",
    "QTLU": "quantile(close, {d}, 0.8) / close",
    "QTLD": "quantile(close, {d}, 0.2) / close",
    "RANK": "ts_rank(close, {d})",
    "RSV": "(close - ts_min(low, {d})) / (ts_max(high, {d}) - ts_min(low, {d}) + 1e-12)",
    "IMAX": "ts_argmax(high, {d}) / {d}",
    "IMIN": "ts_argmin(low, {d}) / {d}",
    "IMXD": "(ts_argmax(high, {d}) - ts_argmin(low, {d})) / {d}",
    "CORR": "corr(close, log(volume + 1), {d})",
    "CORD": "corr(close / lag(close, 1), log(volume / lag(volume, 1) + 1), {d})",
    "CNTP": "mean(close > lag(close, 1), {d})",
    "CNTN": "mean(close < lag(close, 1), {d})",
    "CNTD": "mean(close > lag(close, 1), {d}) - mean(close < lag(close, 1), {d})",
    "SUMP": "sum(max(delta(close, 1), 0), {d}) / (sum(abs(delta(close, 1)), {d}) + 1e-12)",
    "SUMN": "sum(max(-delta(close, 1), 0), {d}) / (sum(abs(delta(close, 1)), {d}) + 1e-12)",
    "SUMD": "sum(delta(close, 1), {d}) / (sum(abs(delta(close, 1)), {d}) + 1e-12)",
    "VMA": "mean(volume, {d}) / (volume + 1e-12)",
    "VSTD": "std(volume, {d}) / (volume + 1e-12)",
    "WVMA": "std(abs(close / lag(close, 1) - 1) * volume, {d})"
    " / (mean(abs(close / lag(close, 1) - 1) * volume, {d}) + 1e-12)",
    "VSUMP": "sum(max(delta(volume, 1), 0), {d}) / (sum(abs(delta(volume, 1)), {d}) + 1e-12)",
    "VSUMN": "sum(max(-delta(volume, 1), 0), {d}) / (sum(abs(delta(volume, 1)), {d}) + 1e-12)",
    "VSUMD": "sum(delta(volume, 1), {d}) / (sum(abs(delta(volume, 1)), {d}) + 1e-12)",
}

FORMULAS: Mapping[str, str] = {
    **_CANDLE,
    **{f"{name}{d}": text.format(d=d) for name, text in _ROLLING.items() for d in WINDOWS},
}

ALPHA158 = FeatureSet("alpha158", FORMULAS)


def alpha158(name: str, columns: str) -> FeatureSet:
    """Return the set of the space-separated ``columns`` of :data:`FORMULAS`."""
    return ALPHA158.pick(name, columns.split())


_TWENTY = (
    "RESI5 WVMA5 RSQR5 KLEN RSQR10 CORR5 CORD5 CORR10 ROC60 RESI10 "
    "VSTD5 RSQR60 CORR60 WVMA60 STD5 RSQR20 CORD60 CORD10 CORR20 KLOW"
)
# The subset that qlib feeds to recurrent models.
ALPHA158_20 = alpha158("alpha158_20", _TWENTY)
# The twenty describe shape; these ten add the level of returns, volatility and turnover.
ALPHA158_30 = alpha158(
    "alpha158_30", _TWENTY + " ROC5 ROC10 ROC20 MA5 MA20 STD20 STD60 VMA20 RSV20 KMID"
)
