"""Daily features: named formulas over causal rolling windows, one [T, N, F] cube per market."""

from alpha.features.alpha101 import ALPHA101
from alpha.features.alpha158 import ALPHA158, ALPHA158_20, ALPHA158_30
from alpha.features.bar_tensor import BarTensor
from alpha.features.bars import Bars
from alpha.features.cube import FeatureCube
from alpha.features.feature_set import FeatureSet
from alpha.features.ic import ic_table
from alpha.features.price_windows import ALPHA360, PriceWindows, PriceWindowView

__all__ = [
    "ALPHA101",
    "ALPHA158",
    "ALPHA158_20",
    "ALPHA158_30",
    "ALPHA360",
    "BarTensor",
    "Bars",
    "FeatureCube",
    "FeatureSet",
    "PriceWindowView",
    "PriceWindows",
    "ic_table",
]
