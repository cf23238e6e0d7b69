"""Scores for stocks: features, labels, models, walk-forward fits, and how good the scores are.

``alpha.fit(alpha.GATs(), market, index="csi300").scores()`` is the whole of it; every part can be used
alone. What is decided for day t uses nothing later than the close of t.
"""

from alpha import evaluate, labels, losses
from alpha.batch import Batch, Days
from alpha.features import (
    ALPHA101,
    ALPHA158,
    ALPHA158_20,
    ALPHA158_30,
    ALPHA360,
    BarTensor,
    FeatureCube,
    FeatureSet,
    PriceWindows,
    ic_table,
)
from alpha.fitted import Fitted, FoldResult
from alpha.fitting import fit, predict
from alpha.labels import Label
from alpha.model import AlphaModel, Network, Recipe
from alpha.models import GRU, GATs, LightGBM
from alpha.splits import Fold, WalkForward
from alpha.train import Task, TrainConfig

__all__ = [
    "ALPHA101",
    "ALPHA158",
    "ALPHA158_20",
    "ALPHA158_30",
    "ALPHA360",
    "GRU",
    "AlphaModel",
    "BarTensor",
    "Batch",
    "Days",
    "FeatureCube",
    "FeatureSet",
    "Fitted",
    "Fold",
    "FoldResult",
    "GATs",
    "Label",
    "LightGBM",
    "Network",
    "PriceWindows",
    "Recipe",
    "Task",
    "TrainConfig",
    "WalkForward",
    "evaluate",
    "fit",
    "ic_table",
    "labels",
    "losses",
    "predict",
]
