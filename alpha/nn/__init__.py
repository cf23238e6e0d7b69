"""Layers shared by the models here and by the deep risk model; they know tensors, not markets."""

from alpha.nn.attention import (
    AdditiveAttention,
    attention_weights,
    dense_attention,
    sorted_attention,
)
from alpha.nn.peers import PeerDifference
from alpha.nn.temporal import AttentiveGRU, GRUEncoder

__all__ = [
    "AdditiveAttention",
    "AttentiveGRU",
    "GRUEncoder",
    "PeerDifference",
    "attention_weights",
    "dense_attention",
    "sorted_attention",
]
