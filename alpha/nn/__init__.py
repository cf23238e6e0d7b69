"""Layers shared by the models here and by the deep risk model; they know tensors, not markets."""

from alpha.nn.adaptive import AdaptiveConv, AdaptiveGraph, adaptive_average, adaptive_weights
from alpha.nn.attention import (
    AdditiveAttention,
    attention_weights,
    dense_attention,
    edge_attention,
    sorted_attention,
)
from alpha.nn.bar_encoder import BarEncoder
from alpha.nn.graph_attention import GraphAttention
from alpha.nn.peers import PeerDifference
from alpha.nn.recurrent import Cell, Recurrent
from alpha.nn.residual import ResidualBlock
from alpha.nn.temporal import (
    AttentionPool,
    AttentiveEncoder,
    AttentiveGRU,
    RecurrentEncoder,
    TransformerEncoder,
)

__all__ = [
    "AdaptiveConv",
    "AdaptiveGraph",
    "AdditiveAttention",
    "AttentionPool",
    "AttentiveEncoder",
    "AttentiveGRU",
    "BarEncoder",
    "Cell",
    "GraphAttention",
    "PeerDifference",
    "Recurrent",
    "RecurrentEncoder",
    "ResidualBlock",
    "TransformerEncoder",
    "adaptive_average",
    "adaptive_weights",
    "attention_weights",
    "dense_attention",
    "edge_attention",
    "sorted_attention",
]
