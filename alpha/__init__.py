"""Scores for stocks: features, labels, models, walk-forward fits, and how good the scores are.

``alpha.fit(alpha.GATs(), market, index="csi300").scores()`` is the whole of it; every part can be used
alone. What is decided for day t uses nothing later than the close of t.
"""

from alpha import evaluate, labels, losses
from alpha.batch import Batch, Days
from alpha.features import ALPHA158_20, ALPHA158_30, FeatureCube, FeatureSet
from alpha.fitted import Fitted, FoldResult
from alpha.fitting import fit, predict
from alpha.labels import Label
from alpha.model import AlphaModel, Network, Recipe
from alpha.models import GRU, GATs, LightGBM
from alpha.splits import Fold, WalkForward
from alpha.train import Task, TrainConfig

__all__ = [
    "ALPHA158_20",
    "ALPHA158_30",
    "GRU",
    "AlphaModel",
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
    "Recipe",
    "Task",
    "TrainConfig",
    "WalkForward",
    "evaluate",
    "fit",
    "labels",
    "losses",
    "predict",
]
