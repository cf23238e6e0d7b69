"""Every inequality as a slack s and its multiplier z, all in one flat pair of arrays.

The bounds of the stocks, what is bought and sold, both sides of every row, turnover and risk obey the
same arithmetic: s z = mu. Steps are measured relative to s and z, so a step of -1 reaches the wall.
"""

from __future__ import annotations

import numpy as np

from enhance.structured.compiled import fast
from enhance.structured.iterate import Point, Step

Array = np.ndarray


@fast
def affine(s: Array, z: Array, over_s: Array, ds: Array) -> tuple[float, float, float]:
    """Look at the step ds with mu = 0, for which dz = -z (1 + ds/s).

    Returns
    -------
    toward
        Largest relative approach to a wall, of slacks or multipliers; the step that reaches it is its
        inverse.
    first, second
        Sums of s z r and s z r^2 with r = ds/s.
    """
    toward = first = second = 0.0
    for i in range(len(s)):
        r = ds[i] * over_s[i]
        product = s[i] * z[i] * r
        first += product
        second += product * r
        toward = max(toward, max(-r, 1.0 + r))
    return toward, first, second


@fast
def aim(s: Array, z: Array, over_s: Array, ds: Array, mu: float, most: float, pull: Array) -> None:
    """Set pull to what s asks its multiplier to be: mu/s and the second-order term of the affine step ds.

    The second-order terms of s z are kept within ``most``: where the affine step was far too long they
    are noise.
    """
    for i in range(len(s)):
        r = ds[i] * over_s[i]
        bent = s[i] * z[i] * r * (1.0 + r)
        pull[i] = (mu + min(max(bent, -most), most)) * over_s[i]


@fast
def recentre(point: Point, step: Step, size: float, mu: float, out: Array) -> None:
    """Set out to the pulls of a step, and what brings products it would throw off back towards mu.

    Gondzio 1996, "Multiple Centrality Correctors in a Primal-Dual Method for Linear Programming".
    """
    s, z, ds, dz, over_s, pull = point.s, point.z, step.s, step.z, point.over_s, step.pull
    for i in range(len(s)):
        product = (s[i] + size * ds[i]) * (z[i] + size * dz[i])
        wanted = min(max(product, 0.1 * mu), 10.0 * mu)
        out[i] = pull[i] + max(wanted - product, -10.0 * mu) * over_s[i]


@fast
def finish(point: Point, step: Step) -> float:
    """Set the step of the multipliers that goes with ds; return the largest relative approach."""
    z, over_s, over_z, ds, pull, dz = (
        point.z, point.over_s, point.over_z, step.s, step.pull, step.z
    )  # fmt: skip
    toward = 0.0
    for i in range(len(z)):
        r = ds[i] * over_s[i]
        change = pull[i] - z[i] * (1.0 + r)
        dz[i] = change
        toward = max(toward, max(-r, -change * over_z[i]))
    return toward


@fast
def move(point: Point, step: Step, size: float) -> float:
    """Take the step of slacks and multipliers, and return s'z."""
    s, z, over_s, over_z, ds, dz = (
        point.s, point.z, point.over_s, point.over_z, step.s, step.z
    )  # fmt: skip
    product = 0.0
    for i in range(len(s)):
        s[i] += size * ds[i]
        z[i] += size * dz[i]
        over_s[i], over_z[i] = 1.0 / s[i], 1.0 / z[i]
    for i in range(len(s)):
        product += s[i] * z[i]
    return product
