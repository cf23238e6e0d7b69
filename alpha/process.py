"""Normalising features and labels without looking ahead.

Statistics over time come from training dates only; statistics over stocks come from one day.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alpha.ranks import row_ranks

MAD_TO_STD = 1.4826  # the MAD of a normal variable is its standard deviation / 1.4826
UNIFORM_TO_UNIT_STD = (
    3.46  # sqrt(12): a uniform variable on [0, 1] has standard deviation 1 / sqrt(12)
)


@dataclass(frozen=True, eq=False)
class RobustZScore:
    """``z = (x - median) / (1.4826 MAD)`` per feature, clipped to +-limit, missing values set to 0.

    Zero after normalising is the training median: it says nothing about the stock. A feature whose MAD
    is 0 keeps scale 1.
    """

    centre: NDArray[np.float32]  # [F]
    scale: NDArray[np.float32]  # [F]
    limit: float = 3.0

    @classmethod
    def fit(cls, sample: NDArray[np.float32]) -> "RobustZScore":
        """Medians of a sample ``[M, F]`` of training rows; NaN entries are left out.

        Raises
        ------
        ValueError
            A feature has no finite value in the sample.
        """
        columns = [c[~np.isnan(c)] for c in np.ascontiguousarray(sample.T)]
        empty = [k for k, c in enumerate(columns) if not len(c)]
        if empty:
            raise ValueError(
                f"robust z-score: feature columns {empty} have no finite value in the "
                f"{len(sample)} training rows; drop them or start training later"
            )
        centre = np.array([np.median(c) for c in columns], np.float32)
        mad = np.array([np.median(np.abs(c - m)) for c, m in zip(columns, centre, strict=True)])
        scale = np.where(mad > 0, MAD_TO_STD * mad, 1.0)
        return cls(centre, scale.astype(np.float32))

    def transform(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a normalised copy of ``[..., F]``."""
        z = (values - self.centre) / self.scale
        np.clip(z, -self.limit, self.limit, out=z)
        return np.nan_to_num(z, copy=False, nan=0.0)


def cs_rank_norm(label: NDArray[np.floating], universe: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``(rank / n - 0.5) * 3.46`` per day over the stocks of the universe that have a label.

    Uniform with about unit standard deviation. The mean is 3.46 / (2 n), as the ranks run 1/n .. 1.

    Parameters
    ----------
    label, universe : [T, N]
        Raw labels and the training universe.

    Examples
    --------
    Four distinct labels become -0.865, 0, 0.865, 1.73.
    """
    ranks = row_ranks(label, universe)
    counts = np.maximum(np.isfinite(ranks).sum(axis=1, keepdims=True), 1)
    return ((ranks / counts - 0.5) * UNIFORM_TO_UNIT_STD).astype(np.float32)
