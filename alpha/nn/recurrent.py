"""Recurrent layers that train in half the time: exact, on the CPU, in single precision.

Half of a training step of torch's own layers goes to the small operations of automatic differentiation
and, on AMD processors, to a matrix product that leaves half of the vector unit idle. Here a step is two
products and one pass of ``alpha.nn.cells``, the gradient is written by hand, and the products are
oneDNN's. Elsewhere (GPU, double precision) torch's layers do the work, with the same weights.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from alpha.nn.cells import gru_backward, gru_forward, lstm_backward, lstm_forward

Cell = Literal["gru", "lstm"]
Slopes = tuple[Tensor | None, ...]

BLOCK = 64  # oneDNN compiles a product for each shape; with rounded numbers of stocks there are few


class Recurrent(nn.Module):
    """Gated recurrent units (Cho et al. 2014) or long short-term memory (Hochreiter, Schmidhuber 1997).

    Shapes
    ------
    x [n, T, F] -> [n, T, H], the states of the top layer. Stocks do not see each other.
    """

    def __init__(
        self, features: int, hidden: int, layers: int = 1, dropout: float = 0.0, cell: Cell = "gru"
    ) -> None:
        super().__init__()
        if cell not in ("gru", "lstm"):
            raise ValueError(f'cell is {cell!r}; "gru" and "lstm" are known')
        if dropout and layers == 1:
            raise ValueError(
                f"dropout {dropout} acts between recurrent layers and there is one; "
                "use layers >= 2 or dropout 0"
            )
        kind = nn.GRU if cell == "gru" else nn.LSTM
        self.weights = kind(features, hidden, layers, dropout=dropout)
        self.layer = _GRU if cell == "gru" else _LSTM

    def forward(self, x: Tensor) -> Tensor:
        """Walk over the steps."""
        return self._walk(x, last=False)

    def last(self, x: Tensor) -> Tensor:
        """Return the state after the last step alone, ``[n, H]``."""
        return self._walk(x, last=True)

    def _walk(self, x: Tensor, last: bool) -> Tensor:
        if x.device.type != "cpu" or x.dtype != torch.float32:
            states = self.weights(x.transpose(0, 1))[0].to(x.dtype)  # autocast leaves bfloat16
            return states[-1] if last else states.transpose(0, 1)
        n, layers = len(x), self.weights.num_layers
        h = x.transpose(0, 1)  # the batcher's memory is time-major: [T, n, F]
        # steps must be contiguous: a product of strided ones took 250 times as long
        h = F.pad(h, (0, 0, 0, -n % BLOCK)) if n % BLOCK else h.contiguous()
        with torch.autocast("cpu", enabled=False):
            for k, weights in enumerate(self.weights.all_weights):
                h = F.dropout(h, self.weights.dropout, self.training) if k else h
                h = self.layer.apply(h, *weights, last and k == layers - 1)  # type: ignore[no-untyped-call]
        return h[:n] if last else h[:, :n].transpose(0, 1)


def product(a: Tensor, b: Tensor) -> Tensor:
    """``a b'`` of [m, k] and [n, k]; no gradient is recorded."""
    if torch.backends.mkldnn.enabled and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        found: Tensor = torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], "")
        return found
    return a @ b.t()


class _GRU(torch.autograd.Function):
    """One layer from a state of zero: x [T, n, F] -> [T, n, H], or the last [n, H].

    Inside everything is [units, n], so that all products, those of the gradient too, read along memory.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, w: Tensor, u: Tensor, b: Tensor, c: Tensor, last: bool
    ) -> Tensor:
        states = x.new_zeros(len(x) + 1, u.shape[1], x.shape[1])
        gates, inner = [], []
        for t in range(len(x)):
            gates.append(product(w, x[t]))
            inner.append(product(u, states[t].t()))
            gru_forward(*_arrays(gates[t], inner[t], b, c, states[t], states[t + 1]))
        return _kept(ctx, x, w, u, states, (gates, inner), last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> Slopes:
        gates, inner = _taken(ctx)
        walk = _WalkBack(ctx, slopes)
        for t in walk.steps():
            gru_backward(*_arrays(gates[t], inner[t], walk.states[t], walk.slope, walk.b, walk.c))
            walk.step(t, gates.pop(), inner[t])
            walk.slope += product(walk.back, inner.pop().t())
        return walk.found()


class _LSTM(torch.autograd.Function):
    """As :class:`_GRU`, with a cell of zero beside the state."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, w: Tensor, u: Tensor, b: Tensor, c: Tensor, last: bool
    ) -> Tensor:
        states = x.new_zeros(len(x) + 1, u.shape[1], x.shape[1])
        cells = torch.zeros_like(states)
        both, gates = b + c, []
        for t in range(len(x)):
            gates.append(product(w, x[t]))
            inner = product(u, states[t].t())
            lstm_forward(*_arrays(gates[t], inner, both, cells[t], cells[t + 1], states[t + 1]))
        return _kept(ctx, x, w, u, states, (gates, cells), last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> Slopes:
        gates, cells = _taken(ctx)
        walk = _WalkBack(ctx, slopes)
        cell_slope = torch.zeros_like(walk.slope)
        for t in walk.steps():
            lstm_backward(
                *_arrays(gates[t], cells[t], cells[t + 1], walk.slope, cell_slope, walk.b)
            )
            walk.step(t, gates[t], gates[t])
            walk.slope = product(walk.back, gates.pop().t())
        walk.c = walk.b.clone()
        return walk.found()


class _WalkBack:
    """The gradients of a layer's arguments, summed on the way back through its steps."""

    def __init__(self, ctx: Any, slopes: Tensor) -> None:
        self.x, self.w, u, self.states = ctx.saved_tensors
        self.slopes, self.last = slopes, ctx.last
        self.slope = torch.zeros_like(self.states[0])
        self.back, self.into = u.t().contiguous(), self.w.t().contiguous()
        self.dw, self.du = torch.zeros_like(self.w), torch.zeros_like(u)
        self.b, self.c = u.new_zeros(len(u)), u.new_zeros(len(u))
        steps, n, features = self.x.shape
        self.dx = self.x.new_empty(steps, features, n) if ctx.needs_input_grad[0] else None

    def steps(self) -> Iterator[int]:
        """From the last step to the first, with what arrives at each added to ``slope``."""
        final = len(self.x) - 1
        for t in range(final, -1, -1):
            if not self.last:
                self.slope += self.slopes[t].t()
            elif t == final:
                self.slope += self.slopes.t()
            yield t

    def step(self, t: int, gates: Tensor, inner: Tensor) -> None:
        """Add step ``t``, by the gradients [G, n] of what input and state brought."""
        self.dw += product(gates, self.x[t].t())
        self.du += product(inner, self.states[t])
        if self.dx is not None:
            self.dx[t] = product(self.into, gates.t())

    def found(self) -> Slopes:
        """In the order of the layer's arguments."""
        x = None if self.dx is None else self.dx.transpose(1, 2)
        return x, self.dw, self.du, self.b, self.c, None


def _arrays(*tensors: Tensor) -> tuple[NDArray[np.float32], ...]:
    return tuple(tensor.detach().numpy() for tensor in tensors)


def _kept(
    ctx: Any, x: Tensor, w: Tensor, u: Tensor, states: Tensor, steps: Any, last: bool
) -> Tensor:
    """Keep what the way back needs, and return the states in the order of the input."""
    ctx.save_for_backward(x, w, u, states)
    ctx.steps, ctx.last = steps, last
    return states[-1].t().contiguous() if last else states[1:].transpose(1, 2)


def _taken(ctx: Any) -> Any:
    """What the forward pass kept, which the backward pass overwrites: there is one."""
    steps, ctx.steps = ctx.steps, None
    if steps is None:
        raise RuntimeError(
            "a recurrent layer was differentiated twice, and its memory is freed after the first "
            "time; score the batch again"
        )
    return steps
