"""The cross-sectional regression in closed form, compiled: a day takes little more than reading it.

Weights, clipping, the passes over the stocks and the small linear algebra of ``risk.regression``, where the
formulas stand. Only the stocks that vote are read, in their order, so those that stand beside leave every
bit as it was.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from risk.arrays import Bools, Codes, Floats
from risk.cleaning import MAD_TO_SD

MIN_MEMBERS = 5  # an industry with fewer voters has no factor return that day
RETURN_WIDTH = 5.0  # robust deviations at which returns are clipped for the fit
LIMIT_WIDTH = 3.0  # ordinary deviations that the clip always spares
WEIGHT_CAP = 0.95  # quantile at which regression weights are clipped, so that no bank rules the fit
SINGULAR = 1e-13  # pivot of a correlation matrix that is zero but for rounding
FLAT = 1e-12  # variance within industries of a standardised style that is zero but for rounding


@njit(cache=True, nogil=True, error_model="numpy")
def electorate(returns: Floats, industry: Codes, vote: Bools, groups: int) -> Codes:
    """Positions of the stocks that enter the fit: with a return, an industry and enough peers."""
    members, count = np.zeros(groups, np.int64), 0
    able = np.empty(len(returns), np.bool_)
    for n in range(len(returns)):
        able[n] = vote[n] and np.isfinite(returns[n]) and industry[n] >= 0
        if able[n]:
            members[industry[n]] += 1
    voters = np.empty(len(returns), np.int64)
    for n in range(len(returns)):
        if able[n] and members[industry[n]] >= MIN_MEMBERS:
            voters[count] = n
            count += 1
    return voters[:count]


@njit(cache=True, nogil=True, error_model="numpy")
def quantile(x: Floats, share: float) -> float:
    """Quantile by linear interpolation, of ``x`` ``[n]`` without NaN; ``x`` is reordered.

    Hoare's selection with the middle entry as pivot.
    """
    place = share * (len(x) - 1)
    k = int(place)
    first, last = 0, len(x) - 1
    while first < last:
        pivot, i, j = x[(first + last) // 2], first, last
        while i <= j:
            while x[i] < pivot:
                i += 1
            while pivot < x[j]:
                j -= 1
            if i <= j:
                x[i], x[j] = x[j], x[i]
                i, j = i + 1, j - 1
        if k <= j:
            last = j
        elif k >= i:
            first = i
        else:
            break
    following = x[k]
    if k + 1 < len(x):
        following = x[k + 1]
        for n in range(k + 2, len(x)):
            following = min(following, x[n])
    return x[k] + (place - k) * (following - x[k])


@njit(cache=True, nogil=True, error_model="numpy")
def capped_root(cap: Floats) -> Floats:
    """Square root, clipped at its 95th percentile, mean one."""
    root = np.sqrt(cap)
    bound, total = quantile(root.copy(), WEIGHT_CAP), 0.0
    for n in range(len(root)):
        root[n] = min(root[n], bound)
        total += root[n]
    for n in range(len(root)):
        root[n] *= len(root) / total
    return root


@njit(cache=True, nogil=True, error_model="numpy")
def clipped_returns(returns: Floats) -> Floats:
    """Clip errors and jumps.

    When half of the market closes at one price limit the MAD is nearly zero, although the other half
    moved freely; three standard deviations then stand in.
    """
    clipped = returns.copy()
    middle, mean, square = quantile(clipped, 0.5), 0.0, 0.0
    for n in range(len(returns)):
        mean += returns[n] / len(returns)
    for n in range(len(returns)):
        square += (returns[n] - mean) ** 2 / len(returns)
        clipped[n] = abs(returns[n] - middle)
    reach = max(RETURN_WIDTH * MAD_TO_SD * quantile(clipped, 0.5), LIMIT_WIDTH * np.sqrt(square))
    for n in range(len(returns)):
        clipped[n] = min(max(returns[n], middle - reach), middle + reach)
    return clipped


def within(
    r: Floats, styles: Floats, code: Codes, weight: Floats, voters: Codes, groups: int
) -> tuple[Floats, Floats, Floats]:
    """Weigh, average and multiply by industry.

    Parameters
    ----------
    r, weight, voters
        Returns and weights of the voters ``[m]``, and their positions.
    styles, code
        Exposures ``[n, S]`` and industry ``[n]``.
    groups
        Number of industries P.

    Returns
    -------
    tuple
        Weight of each industry ``[P]``; weighted means of ``r`` and the styles ``[P, 1 + S]``, 0 where
        empty; weighted products ``[1 + S, 1 + S]`` of what they leave over.
    """
    mass, means, left = _demeaned(r, styles, code, weight, voters, groups)
    return mass, means, left.T @ left


@njit(cache=True, nogil=True, error_model="numpy")
def _demeaned(
    r: Floats, styles: Floats, code: Codes, weight: Floats, voters: Codes, groups: int
) -> tuple[Floats, Floats, Floats]:
    """Weights and means by industry; what the means leave over, times the root of the weight."""
    width = styles.shape[1] + 1
    mass, means = np.zeros(groups), np.zeros((groups, width))
    for m in range(len(voters)):
        n, v = voters[m], weight[m]
        i = code[n]
        mass[i] += v
        means[i, 0] += v * r[m]
        for k in range(1, width):
            means[i, k] += v * styles[n, k - 1]
    for i in range(groups):
        for k in range(width):
            means[i, k] /= max(mass[i], 1e-300)
    left = np.empty((len(voters), width))  # a second pass: products of raw values would cost digits
    for m in range(len(voters)):
        n, root = voters[m], np.sqrt(weight[m])
        i = code[n]
        left[m, 0] = root * (r[m] - means[i, 0])
        for k in range(1, width):
            left[m, k] = root * (styles[n, k - 1] - means[i, k])
    return mass, means, left


@njit(cache=True, nogil=True, error_model="numpy")
def inverse(gram: Floats) -> tuple[Floats, float]:
    """Invert a positive definite matrix, and bound the condition number of its correlation matrix.

    Gauss and Jordan without pivoting, which a positive definite matrix does not need. The bound is
    infinite, and the inverse void, when a pivot vanishes.
    """
    size, norm = len(gram), 0.0
    a = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            a[i, j] = gram[i, j] / np.sqrt(gram[i, i] * gram[j, j])
            norm += a[i, j] ** 2
    for k in range(size):
        pivot = a[k, k]
        if not pivot > SINGULAR:
            return a, np.inf
        a[k, k] = 1.0
        for j in range(size):
            a[k, j] /= pivot
        for i in range(size):
            factor = a[i, k]
            if i != k:
                a[i, k] = 0.0
                for j in range(size):
                    a[i, j] -= factor * a[k, j]
    return _rescaled(a, gram, norm)


@njit(cache=True, nogil=True, error_model="numpy")
def _rescaled(a: Floats, gram: Floats, norm: float) -> tuple[Floats, float]:
    """Undo the scaling of ``inverse``; Frobenius norms bound the condition number."""
    other = 0.0
    for i in range(len(a)):
        for j in range(len(a)):
            other += a[i, j] ** 2
            a[i, j] /= np.sqrt(gram[i, i] * gram[j, j])
    return a, np.sqrt(norm * other)


@njit(cache=True, nogil=True, error_model="numpy")
def spread(mass: Floats, means: Floats, products: Floats) -> Floats:
    """Weighted sum of squares of each style about its overall mean ``[S]``."""
    result, whole = np.empty(means.shape[1] - 1), 0.0
    for i in range(len(mass)):
        whole += mass[i]
    for k in range(1, means.shape[1]):
        overall, result[k - 1] = 0.0, products[k, k]
        for i in range(len(mass)):
            overall += mass[i] * means[i, k] / whole
        for i in range(len(mass)):
            result[k - 1] += mass[i] * (means[i, k] - overall) ** 2
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def solve(
    mass: Floats, means: Floats, products: Floats, share: Floats
) -> tuple[Floats, Floats, Floats, float, Floats, Floats, float]:
    """Styles from what is demeaned, then the intercepts; only the needed entries of C.

    Returns
    -------
    tuple
        Style returns ``[S]``, intercepts ``[P]``, variances over sigma^2 of the styles ``[S]``, the country
        and the industries ``[P]``, variance inflation ``[S]``, bound of the condition number.
    """
    count = means.shape[1] - 1
    A, condition = inverse(products[1:, 1:])
    style, diagonal, inflation = np.zeros(count), np.empty(count), spread(mass, means, products)
    for k in range(count):
        if not products[1 + k, 1 + k] > FLAT * np.sum(mass):
            condition = np.inf
        diagonal[k] = A[k, k]
        inflation[k] *= A[k, k]
        for j in range(count):
            style[k] += A[k, j] * products[0, 1 + j]
    intercept, country, industry = _intercepts(mass, means, share, A, style)
    return style, intercept, diagonal, country, industry, inflation, condition


@njit(cache=True, nogil=True, error_model="numpy")
def _intercepts(
    mass: Floats, means: Floats, share: Floats, A: Floats, style: Floats
) -> tuple[Floats, float, Floats]:
    """Intercepts ``[P]``, and the variances over sigma^2 of country and industries ``[P]``."""
    groups, count, country = len(mass), len(style), 0.0
    centre, intercept = np.zeros(count), np.zeros(groups)
    own, cross = np.zeros(groups), np.zeros(groups)
    for i in range(groups):
        for k in range(count):
            centre[k] += share[i] * means[i, 1 + k]  # c'zbar
    for i in range(groups):
        if mass[i] > 0.0:
            intercept[i], own[i], cross[i] = means[i, 0], 1.0 / mass[i], share[i] / mass[i]
            for k in range(count):
                leaning = 0.0  # zbar A
                for j in range(count):
                    leaning += means[i, 1 + j] * A[j, k]
                intercept[i] -= means[i, 1 + k] * style[k]
                own[i] += leaning * means[i, 1 + k]
                cross[i] += leaning * centre[k]
            country += share[i] * cross[i]
    for i in range(groups):
        own[i] = max(own[i] - 2.0 * cross[i] + country, 0.0)
    return intercept, country, own


@njit(cache=True, nogil=True, error_model="numpy")
def left_over(
    returns: Floats, styles: Floats, code: Codes, intercept: Floats, style: Floats
) -> Floats:
    """Residuals ``[n]``; NaN without a return, without an industry or where its intercept is NaN."""
    residual = np.empty(len(returns))
    for n in range(len(returns)):
        fitted = intercept[code[n]] if code[n] >= 0 else np.nan
        for k in range(len(style)):
            fitted += styles[n, k] * style[k]
        residual[n] = returns[n] - fitted
    return residual


@njit(cache=True, nogil=True, error_model="numpy")
def explained(
    returns: Floats, clipped: Floats, residual: Floats, weight: Floats, voters: Codes
) -> tuple[float, float, float, float, float]:
    """Weighted sums over the voters: of 1, r, r^2, u^2, and u^2 of the clipped returns."""
    mass = total = square = left = left_clipped = 0.0
    for m in range(len(voters)):
        r, u, v = returns[voters[m]], residual[voters[m]], weight[m]
        mass += v
        total += v * r
        square += v * r**2
        left += v * u**2
        left_clipped += v * (clipped[m] - r + u) ** 2
    return mass, total, square, left, left_clipped
