"""Cholesky algebra of matrices of a few dozen rows, lower and row-major: inner loops run along rows."""

from __future__ import annotations

import numpy as np

from enhance.structured.compiled import fast, inlined

Array = np.ndarray


@fast
def cholesky(A: Array, n: int, floor: float) -> None:
    """Replace the lower triangle of A by L with A = L L'; tiny pivots are set aside.

    A pivot that falls below ``floor`` times where it started belongs to an unknown that the others
    determine (two identical limits, a limit of nothing). It is made huge: the unknown is answered by
    zero, which is one of its right answers.
    """
    for j in range(n):
        own = A[j]
        pivot = own[j]
        for k in range(j):
            pivot -= own[k] * own[k]
        root = np.sqrt(pivot) if pivot > floor * own[j] else 1e50
        own[j] = root
        inverse = 1.0 / root
        for i in range(j + 1, n):
            row = A[i]
            value = row[j]
            for k in range(j):
                value -= row[k] * own[k]
            row[j] = value * inverse


@fast
def solve(L: Array, x: Array, n: int) -> None:
    """Replace x by the solution z of L L' z = x."""
    for i in range(n):
        row = L[i]
        value = x[i]
        for k in range(i):
            value -= row[k] * x[k]
        x[i] = value / row[i]
    for i in range(n - 1, -1, -1):
        row = L[i]
        value = x[i] / row[i]
        x[i] = value
        for k in range(i):
            x[k] -= value * row[k]


@fast
def invert(L: Array, work: Array, out: Array, n: int) -> None:
    """Set ``out`` to (L L')^-1; ``work`` receives L^-1.

    Rows go in fours, so that a sum is loaded and stored once for four products.
    """
    for i in range(n):
        row, factor = work[i], L[i]
        inverse = 1.0 / factor[i]
        for j in range(n):
            row[j] = 0.0
        whole = i // 4 * 4
        for k in range(0, whole, 4):
            a, b = factor[k] * inverse, factor[k + 1] * inverse
            c, d = factor[k + 2] * inverse, factor[k + 3] * inverse
            first, second, third, fourth = work[k], work[k + 1], work[k + 2], work[k + 3]
            for j in range(k + 4):
                row[j] -= a * first[j] + b * second[j] + c * third[j] + d * fourth[j]
        for k in range(whole, i):
            a, first = factor[k] * inverse, work[k]
            for j in range(k + 1):
                row[j] -= a * first[j]
        row[i] = inverse
    _square(work, out, n)
    _mirror(out, n)


@inlined
def _square(work: Array, out: Array, n: int) -> None:
    """Set the lower triangle of ``out`` to that of W'W, W lower triangular."""
    for i in range(n):
        for j in range(i + 1):
            out[i, j] = 0.0
    whole = n // 4 * 4
    for k in range(0, whole, 4):
        first, second, third, fourth = work[k], work[k + 1], work[k + 2], work[k + 3]
        for i in range(k + 4):
            a, b, c, d = first[i], second[i], third[i], fourth[i]
            into = out[i]
            for j in range(i + 1):
                into[j] += a * first[j] + b * second[j] + c * third[j] + d * fourth[j]
    for k in range(whole, n):
        first = work[k]
        for i in range(k + 1):
            a, into = first[i], out[i]
            for j in range(i + 1):
                into[j] += a * first[j]


@inlined
def _mirror(A: Array, n: int) -> None:
    """Copy the lower triangle over the upper one."""
    for i in range(n):
        for j in range(i):
            A[j, i] = A[i, j]


@fast
def multiply(A: Array, x: Array, out: Array, n: int) -> None:
    """Set ``out`` to A x."""
    for i in range(n):
        row, value = A[i], 0.0
        for k in range(n):
            value += row[k] * x[k]
        out[i] = value
