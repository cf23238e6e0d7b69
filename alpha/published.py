"""Figures that reports have printed, to stand beside one's own. Other data, years and costs: read orders
of magnitude.

- Huatai Securities, AI series 42, graph attention over CSI 300 (2010-01-04 to 2021-01-29): daily
  ``vwap_1`` labels, five groups a day, returns added up.
- Orient Securities, factor series 108, ASTGNN (combined score of four data sets 2018-2023; ``week`` and
  ``day`` are single data sets 2017-2023): RankIC of each tenth day with ten-day returns, weekly groups (20
  of all shares, 5 in an index), no costs.
"""

import pandas as pd

GATS = "Huatai AI series 42, CSI 300, 2010-2021, published"
ASTGNN = "Orient factor series 108, 2018-2023, published"

_DAILY = {  # IC, ICIR, RankIC, RankICIR, G1..G5 a year, long-short (Sharpe), long-average (IR)
    "LSTM": (0.08, 0.62, 0.09, 0.65, 0.5275, 0.2185, 0.0685, -0.0958, -0.4670, 0.9944, 7.57, 0.4771, 6.77),
    "GATs K=1": (0.08, 0.57, 0.09, 0.63, 0.4978, 0.2325, 0.0656, -0.0856, -0.4586, 0.9564, 6.74, 0.4475, 5.91),
    "LightGBM": (0.08, 0.64, 0.09, 0.70, 0.4969, 0.2399, 0.0903, -0.1210, -0.4544, 0.9514, 7.84, 0.4466, 7.09),
}  # fmt: skip
DAILY_COLUMNS = (
    "IC", "ICIR", "RankIC", "RankICIR", "G1", "G2", "G3", "G4", "G5",
    "long-short", "Sharpe", "long-average", "IR",
)  # fmt: skip

_NONE = float("nan")  # not printed
_WEEKLY = {  # RankIC, ICIR, share above 0, top group's excess a year, its volatility, drawdown, turnover
    ("all", "GRU week"): (0.1357, 1.29, 0.8994, 0.3429, _NONE, -0.1080, 0.5822),
    ("all", "GRU day"): (0.1242, 1.21, 0.8935, 0.2557, _NONE, -0.1117, 0.7017),
    ("all", "ASTGNN week"): (0.1422, 1.33, 0.8757, 0.3644, _NONE, -0.1010, 0.6241),
    ("all", "ASTGNN day"): (0.1347, 1.36, 0.8994, 0.3258, _NONE, -0.0564, 0.7262),
    ("all", "GRU"): (0.1567, 1.48, 0.9379, 0.4219, 0.0753, -0.0658, 0.6155),
    ("all", "ASTGNN"): (0.1600, 1.52, 0.9517, 0.4611, 0.0761, -0.0472, 0.6257),
    ("csi300", "GRU"): (0.1026, 0.70, 0.7586, 0.2729, 0.0760, -0.0805, 0.4349),
    ("csi300", "ASTGNN"): (0.1050, 0.72, 0.7517, 0.2792, 0.0731, -0.0717, 0.4394),
    ("csi500", "GRU"): (0.1187, 0.96, 0.8138, 0.2314, 0.0610, -0.0869, 0.4395),
    ("csi500", "ASTGNN"): (0.1230, 0.97, 0.8069, 0.2528, 0.0620, -0.0799, 0.4485),
    ("csi1000", "GRU"): (0.1508, 1.41, 0.9103, 0.3345, 0.0557, -0.0418, 0.4440),
    ("csi1000", "ASTGNN"): (0.1527, 1.41, 0.9034, 0.3444, 0.0556, -0.0340, 0.4525),
}
WEEKLY_COLUMNS = ("rank_ic", "icir", "positive", "excess", "volatility", "drawdown", "turnover")

_YEARLY_RANK_IC = {  # 2010 .. 2021, CSI 300
    "LSTM": (0.11, 0.08, 0.09, 0.10, 0.10, 0.13, 0.11, 0.11, 0.07, 0.06, 0.06, 0.08),
    "GATs K=1": (0.10, 0.09, 0.12, 0.12, 0.10, 0.13, 0.08, 0.10, 0.07, 0.05, 0.04, 0.08),
    "LightGBM": (0.12, 0.09, 0.10, 0.10, 0.10, 0.12, 0.09, 0.10, 0.08, 0.05, 0.05, 0.07),
}
_GROUPS = {  # excess of the 20 groups of all shares, single data sets, 2017-2023
    "ASTGNN week": (
        0.3644, 0.2956, 0.2500, 0.2012, 0.1939, 0.1857, 0.1293, 0.1140, 0.1050, 0.0868,
        0.0527, 0.0377, -0.0053, -0.0262, -0.0520, -0.1000, -0.1456, -0.2119, -0.3149, -0.5935,
    ),
    "ASTGNN day": (
        0.3258, 0.2948, 0.2391, 0.2017, 0.1894, 0.1483, 0.1378, 0.1152, 0.0894, 0.0544,
        0.0426, 0.0476, -0.0033, -0.0023, -0.0606, -0.0785, -0.1253, -0.1792, -0.2972, -0.6028,
    ),
}  # fmt: skip
_YEARLY_EXCESS = {  # 2018 .. 2023, top twentieth of all shares
    "GRU": (0.8812, 0.3586, 0.3274, 0.2592, 0.4509, 0.3238),
    "ASTGNN": (0.9712, 0.3976, 0.4310, 0.3213, 0.4181, 0.3069),
}


def daily() -> pd.DataFrame:
    """Five daily groups: model x ``DAILY_COLUMNS``."""
    return pd.DataFrame.from_dict(_DAILY, orient="index", columns=list(DAILY_COLUMNS))


def weekly() -> pd.DataFrame:
    """Combined scores: (universe, model) x ``WEEKLY_COLUMNS``."""
    table = pd.DataFrame.from_dict(_WEEKLY, orient="index", columns=list(WEEKLY_COLUMNS))
    return table.set_axis(pd.MultiIndex.from_tuples(table.index, names=["universe", "model"]))


def yearly_rank_ic() -> pd.DataFrame:
    """RankIC of ``vwap_1`` in CSI 300: year x model."""
    return pd.DataFrame(_YEARLY_RANK_IC, index=[str(year) for year in range(2010, 2022)])


def yearly_excess() -> pd.DataFrame:
    """Excess of the top twentieth of all shares: year x model."""
    return pd.DataFrame(_YEARLY_EXCESS, index=[str(year) for year in range(2018, 2024)])


def groups() -> pd.DataFrame:
    """Excess of 20 groups of all shares: group x model."""
    return pd.DataFrame(_GROUPS, index=range(1, 21))
