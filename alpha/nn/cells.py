"""What a recurrent layer does between two matrix products: one pass over the units of a step.

Arrays are [units, n], stocks side by side. A loop runs over rows cut out before it: with offsets inside
the loop the compiler gives up on vectors, and the same arithmetic takes ten times as long.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Single = NDArray[np.float32]

ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
# Rational approximation of tanh, odd over even, by minimax on [-9, 9]; within 3e-7 of it everywhere.
EDGE = np.float32(9.0)
P1, P3, P5, P7, P9, P11, P13 = (
    np.float32(c)
    for c in (
        4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08,
        -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
    )
)  # fmt: skip
Q0, Q2, Q4, Q6 = (
    np.float32(c)
    for c in (
        4.89352518554385e-03,
        2.26843463243900e-03,
        1.18534705686654e-04,
        1.19825839466702e-06,
    )
)
# Sums may be regrouped and divisions be products, but NaN stays NaN: a diverged training must show.
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(inline="always")
def tanh(x: np.float32) -> np.float32:
    """Hyperbolic tangent, without a branch."""
    x = EDGE if x > EDGE else x
    x = -EDGE if x < -EDGE else x
    s = x * x
    odd = ((((((P13 * s + P11) * s + P9) * s + P7) * s + P5) * s + P3) * s + P1) * x
    return odd / (((Q6 * s + Q4) * s + Q2) * s + Q0)


@njit(inline="always")
def sigmoid(x: np.float32) -> np.float32:
    """Logistic function."""
    return HALF * tanh(HALF * x) + HALF


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def gru_forward(
    gates: Single, inner: Single, b: Single, c: Single, before: Single, after: Single
) -> None:
    """One step of gated recurrent units: ``r, z = s(a + u)``, ``g = tanh(a + r u)``, ``h' = g + z (h - g)``.

    Parameters
    ----------
    gates : [3H, n]
        a, from the input; leaves as reset r, update z and candidate g.
    inner : [3H, n]
        u, from the state before; the last third leaves with its bias.
    b, c : [3H]
        Biases of both.
    before, after : [H, n]
        The states h and h'; ``after`` is written.
    """
    hidden, n = after.shape
    for k in range(hidden):
        r, z, g = gates[k], gates[hidden + k], gates[2 * hidden + k]
        ur, uz, ug = inner[k], inner[hidden + k], inner[2 * hidden + k]
        br, bz = b[k] + c[k], b[hidden + k] + c[hidden + k]
        bg, cg = b[2 * hidden + k], c[2 * hidden + k]
        h, out = before[k], after[k]
        for i in range(n):
            r[i] = sigmoid(r[i] + ur[i] + br)
        for i in range(n):
            z[i] = sigmoid(z[i] + uz[i] + bz)
        for i in range(n):
            ug[i] += cg
            g[i] = tanh(g[i] + bg + r[i] * ug[i])
        for i in range(n):
            out[i] = g[i] + z[i] * (h[i] - g[i])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def gru_backward(
    gates: Single, inner: Single, before: Single, slope: Single, db: Single, dc: Single
) -> None:
    """Gradients of :func:`gru_forward`, in place of what it left.

    Parameters
    ----------
    gates, inner : [3H, n]
        As the step left them; they leave as the gradients of a and u.
    before : [H, n]
        State before the step.
    slope : [H, n]
        Gradient of the state after; leaves as the part of the state before that does not go through u.
    db, dc : [3H]
        Gradients of the biases, added to.
    """
    hidden, n = slope.shape
    for k in range(hidden):
        r, z, g = gates[k], gates[hidden + k], gates[2 * hidden + k]
        ur, uz, ug = inner[k], inner[hidden + k], inner[2 * hidden + k]
        h, e = before[k], slope[k]
        for i in range(n):
            d, old = e[i], g[i]
            e[i] = d * z[i]
            g[i] = d * (ONE - z[i]) * (ONE - old * old)
            z[i] *= d * (h[i] - old) * (ONE - z[i])
        for i in range(n):
            d = r[i] * g[i]
            r[i] = d * ug[i] * (ONE - r[i])
            ug[i] = d
        ur[:], uz[:] = r, z
        sr, sz, sg, su = ZERO, ZERO, ZERO, ZERO
        for i in range(n):
            sr += r[i]
            sz += z[i]
            sg += g[i]
            su += ug[i]
        db[k] += sr
        dc[k] += sr
        db[hidden + k] += sz
        dc[hidden + k] += sz
        db[2 * hidden + k] += sg
        dc[2 * hidden + k] += su


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def lstm_forward(
    gates: Single, inner: Single, b: Single, cell: Single, cell_after: Single, after: Single
) -> None:
    """One step of long short-term memory: ``c' = f c + i g``, ``h' = o tanh(c')``.

    Parameters
    ----------
    gates : [4H, n]
        From the input; leaves as input i, forget f, candidate g and output o.
    inner : [4H, n]
        From the state before.
    b : [4H]
        Sum of both biases.
    cell, cell_after, after : [H, n]
        The cell c, and what is written: the cell c' and the state h'.
    """
    hidden, n = after.shape
    for k in range(hidden):
        for j in range(4):
            gate, u, bias = gates[j * hidden + k], inner[j * hidden + k], b[j * hidden + k]
            if j == 2:
                for i in range(n):
                    gate[i] = tanh(gate[i] + u[i] + bias)
            else:
                for i in range(n):
                    gate[i] = sigmoid(gate[i] + u[i] + bias)
        enter, keep = gates[k], gates[hidden + k]
        g, o = gates[2 * hidden + k], gates[3 * hidden + k]
        c, new, out = cell[k], cell_after[k], after[k]
        for i in range(n):
            new[i] = keep[i] * c[i] + enter[i] * g[i]
        for i in range(n):
            out[i] = o[i] * tanh(new[i])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def lstm_backward(
    gates: Single, cell: Single, cell_after: Single, slope: Single, cell_slope: Single, db: Single
) -> None:
    """Gradients of :func:`lstm_forward`, in place of what it left.

    Parameters
    ----------
    gates : [4H, n]
        As the step left them; they leave as the gradients of what came from input and state.
    cell, cell_after : [H, n]
        Before and after the step.
    slope : [H, n]
        Gradient of the state after.
    cell_slope : [H, n]
        Gradient of the cell after; leaves as that of the cell before.
    db : [4H]
        Gradient of the bias, added to.
    """
    hidden, n = slope.shape
    for k in range(hidden):
        enter, keep = gates[k], gates[hidden + k]
        g, o = gates[2 * hidden + k], gates[3 * hidden + k]
        c, new, d, e = cell[k], cell_after[k], slope[k], cell_slope[k]
        for i in range(n):
            seen = tanh(new[i])
            e[i] += d[i] * o[i] * (ONE - seen * seen)
            o[i] *= d[i] * seen * (ONE - o[i])
        for i in range(n):
            old = g[i]
            g[i] = e[i] * enter[i] * (ONE - old * old)
            enter[i] *= e[i] * old * (ONE - enter[i])
        for i in range(n):
            old = keep[i]
            keep[i] = e[i] * c[i] * old * (ONE - old)
            e[i] *= old
        for j in range(4):
            gate, total = gates[j * hidden + k], ZERO
            for i in range(n):
                total += gate[i]
            db[j * hidden + k] += total
