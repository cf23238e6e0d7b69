"""Daily features: named formulas over causal rolling windows, one [T, N, F] cube per market."""

from alpha.features.alpha158 import ALPHA158_20, ALPHA158_30
from alpha.features.bars import Bars
from alpha.features.cube import FeatureCube
from alpha.features.feature_set import FeatureSet

__all__ = ["ALPHA158_20", "ALPHA158_30", "Bars", "FeatureCube", "FeatureSet"]
