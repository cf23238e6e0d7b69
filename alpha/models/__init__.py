"""The models. Import the class here and it is trained, tested and documented like the others."""

from alpha.models.add import ADD
from alpha.models.alstm import ALSTM
from alpha.models.astgnn import ASTGNN
from alpha.models.astgnn_factors import ASTGNNFactors
from alpha.models.chebnet import ChebNet
from alpha.models.gat import GAT
from alpha.models.gats import GATs
from alpha.models.gcn import GCN
from alpha.models.graphsage import GraphSAGE
from alpha.models.gru import GRU
from alpha.models.hist import HIST
from alpha.models.igmtf import IGMTF
from alpha.models.lightgbm import LightGBM
from alpha.models.lstm import LSTM
from alpha.models.rsr import RSR
from alpha.models.second_order import SecondOrder
from alpha.models.sgc import SGC
from alpha.models.tra import TRA
from alpha.models.transformer import Transformer

__all__ = [
    "ADD",
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
    "ASTGNNFactors",
    "ChebNet",
    "GATs",
    "GraphSAGE",
    "LightGBM",
    "SecondOrder",
    "Transformer",
]
