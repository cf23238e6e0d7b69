"""What makes exposures good: the returns they explain, and how little they repeat each other.

Lin, Zhou, Liu and Bian, "Deep risk model" (ICAIF 2021), for one date with exposures F ``[n, K]``::

    Z = F clipped at 3 MAD, less its cap-weighted mean, over its deviation;   X = [1, Z];   V = diag(v)
    R2_h = 1 - |y_h - X f_h|^2_V / |y_h|^2_V,   f_h the weighted least squares of day h
    loss = - mean_h R2_h + penalty * n / (K + 1) * trace (X'VX)^-1

The trace is 1 / (n / (K + 1)) for orthonormal factors and grows like the mean variance inflation.
No hat matrix is formed: with X'VX = L L' and c = L^-1 X'V y, R2 = |c|^2 / |y|^2_V.
"""

from __future__ import annotations

import torch
from torch import Tensor

CLIP = 3.0 * 1.4826  # three standard deviations, by the median absolute deviation of a normal
CAPPED = 0.95  # quantile at which regression weights are clipped
RIDGE = 1e-9  # of the mean diagonal: keeps a Cholesky factor when two factors coincide


def standardized(f: Tensor, cap: Tensor) -> Tensor:
    """Clip, centre by market value and scale raw outputs ``[n, K]``; float64, differentiable.

    The clipping bounds are constants to the gradient. A constant column becomes zero.
    """
    f = f.double()
    with torch.no_grad():
        middle = f.median(dim=0).values
        reach = CLIP * (f - middle).abs().median(dim=0).values
        # More than half of a column at one value has no deviation to clip by.
        reach = torch.where(reach > 0.0, reach, torch.inf)
    f = torch.minimum(torch.maximum(f, middle - reach), middle + reach)
    share = (cap / cap.sum()).double()
    f = f - share @ f
    deviation = torch.sqrt(torch.var(f, dim=0, unbiased=False) + 1e-12)
    return f / deviation


def regression_weights(cap: Tensor) -> Tensor:
    """Square root of market value ``[n]``, clipped at its 95th percentile, mean 1; float64."""
    v = torch.sqrt(cap.double())
    v = torch.minimum(v, torch.quantile(v, CAPPED))
    return v / v.mean()


def explained(z: Tensor, y: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Share of the squared returns of each day that ``[1, Z]`` explains, and the penalty.

    Parameters
    ----------
    z : [n, K]
    y : [n, H]
        Returns; NaN where unknown. A stock counts on the days on which its return is known.
    v : [n]

    Returns
    -------
    R2 : [H]
        Uncentred.
    inflation : scalar
        ``n / (K + 1) * trace (X'VX)^-1`` over all stocks.
    """
    x = torch.cat([z.new_ones(len(z), 1), z], dim=1)  # [n, K + 1]
    known = torch.isfinite(y)
    y = torch.where(known, y, 0.0).to(x.dtype)
    w = known * v[:, None]  # [n, H]
    width = x.shape[1]
    pairs = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    grams = (w.T @ pairs).reshape(-1, width, width)  # [H, K + 1, K + 1]
    c = torch.linalg.solve_triangular(
        _cholesky(grams), (x.T @ (w * y)).T[:, :, None], upper=False
    )  # [H, K + 1, 1]
    r2 = torch.sum(c * c, dim=(1, 2)) / torch.sum(w * y * y, dim=0)
    inverse = torch.linalg.solve_triangular(
        _cholesky(x.T @ (v[:, None] * x)),
        torch.eye(width, dtype=x.dtype, device=x.device),
        upper=False,
    )
    return r2, len(x) / width * torch.sum(inverse * inverse)


def risk_loss(f: Tensor, y: Tensor, cap: Tensor, penalty: float = 0.01) -> Tensor:
    """Loss of one date.

    Parameters
    ----------
    f : [n, K]
        Raw outputs of the network.
    y : [n, H]
        Returns of the H days ahead, NaN where unknown; every day needs some.
    cap : [n]
        Market value, positive.
    penalty
        Weight of the inflation.
    """
    r2, inflation = explained(standardized(f, cap), y, regression_weights(cap))
    return penalty * inflation - r2.mean()


def _cholesky(gram: Tensor) -> Tensor:
    """Lower factor of ``[..., K, K]``, with a ridge far below any real variance."""
    diagonal = torch.diagonal(gram, dim1=-2, dim2=-1)
    ridge = RIDGE * diagonal.mean(dim=-1)[..., None, None]
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    lower: Tensor = torch.linalg.cholesky(gram + ridge * eye)
    return lower
