"""Layers shared by the models here and by the deep risk model; they know tensors, not markets."""

from alpha.nn.attention import (
    AdditiveAttention,
    attention_weights,
    dense_attention,
    sorted_attention,
)
from alpha.nn.temporal import GRUEncoder

__all__ = [
    "AdditiveAttention",
    "GRUEncoder",
    "attention_weights",
    "dense_attention",
    "sorted_attention",
]
