"""Scores for stocks: features, labels, models, walk-forward fits, and how good the scores are.

``alpha.fit(alpha.GATs(), market, index="csi300").scores()`` is the whole of it; every part can be used
alone. What is decided for day t uses nothing later than the close of t.
"""

from alpha import evaluate, graphs, labels, losses
from alpha.averaging import average
from alpha.batch import Batch, Days
from alpha.combine import combine
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
from alpha.fitting import fit
from alpha.labels import Label
from alpha.model import AlphaModel, Network, Recipe
from alpha.models import (
    ADD,
    ALSTM,
    ASTGNN,
    GAT,
    GCN,
    GRU,
    HIST,
    IGMTF,
    LSTM,
    RSR,
    SGC,
    TRA,
    ASTGNNFactors,
    ChebNet,
    GATs,
    GraphSAGE,
    LightGBM,
    SecondOrder,
    Transformer,
)
from alpha.report import report
from alpha.run_folder import load
from alpha.scoring import predict
from alpha.splits import WINDOWS_12, Fold, Splits, WalkForward
from alpha.train import Task, TrainConfig

__all__ = [
    "ADD",
    "ALPHA101",
    "ALPHA158",
    "ALPHA158_20",
    "ALPHA158_30",
    "ALPHA360",
    "ALSTM",
    "ASTGNN",
    "GAT",
    "GCN",
    "GRU",
    "HIST",
    "IGMTF",
    "LSTM",
    "RSR",
    "SGC",
    "TRA",
    "WINDOWS_12",
    "ASTGNNFactors",
    "AlphaModel",
    "BarTensor",
    "Batch",
    "ChebNet",
    "Days",
    "FeatureCube",
    "FeatureSet",
    "Fitted",
    "Fold",
    "FoldResult",
    "GATs",
    "GraphSAGE",
    "Label",
    "LightGBM",
    "Network",
    "PriceWindows",
    "Recipe",
    "SecondOrder",
    "Splits",
    "Task",
    "TrainConfig",
    "Transformer",
    "WalkForward",
    "average",
    "combine",
    "evaluate",
    "fit",
    "graphs",
    "ic_table",
    "labels",
    "load",
    "losses",
    "predict",
    "report",
]
