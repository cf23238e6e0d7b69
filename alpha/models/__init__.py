"""The models. Import the class here and it is trained, tested and documented like the others."""

from alpha.models.gats import GATs
from alpha.models.gru import GRU
from alpha.models.lightgbm import LightGBM

__all__ = ["GRU", "GATs", "LightGBM"]
