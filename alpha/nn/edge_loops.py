"""The two sums over an edge list, on the CPU: a fifth of the time of sparse products, and no copies."""

from typing import Any

from numba import njit
from numpy.typing import NDArray
from torch import Tensor


def weighted_rows(weights: Tensor, values: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """``out[target_e] += weights_e values[source_e]``: [E], [N, H], [E], [E] -> [N, H]."""
    out = values.new_zeros(values.shape)
    _weighted_rows(*_arrays(weights, values, source, target, out))
    return out


def row_products(a: Tensor, b: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """``a[first_e] . b[second_e]``: [N, H], [N, H], [E], [E] -> [E]."""
    out = a.new_empty(len(first))
    _row_products(*_arrays(a, b, first, second, out))
    return out


def _arrays(*tensors: Tensor) -> list[NDArray[Any]]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _weighted_rows(
    weights: NDArray[Any],
    values: NDArray[Any],
    source: NDArray[Any],
    target: NDArray[Any],
    out: NDArray[Any],
) -> None:
    for e in range(len(weights)):
        w, row, into = weights[e], values[source[e]], out[target[e]]
        for k in range(len(row)):
            into[k] += w * row[k]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _row_products(
    a: NDArray[Any],
    b: NDArray[Any],
    first: NDArray[Any],
    second: NDArray[Any],
    out: NDArray[Any],
) -> None:
    for e in range(len(first)):
        x, y = a[first[e]], b[second[e]]
        total = a.dtype.type(0)
        for k in range(len(x)):
            total += x[k] * y[k]
        out[e] = total
