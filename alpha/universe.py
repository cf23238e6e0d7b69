"""Who is scored on a day."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from market import Market


def universe(market: Market, index: str | Sequence[str] | None) -> NDArray[np.bool_]:
    """Members of any of the named indexes that traded that day, ``[T, N]``; all stocks for None.

    Raises
    ------
    DataError
        An index that the market does not have.
    """
    traded = (market.values("volume") > 0) & np.isfinite(market.values("close"))
    if index is None:
        return traded
    names = (index,) if isinstance(index, str) else tuple(index)
    if not names:
        raise ValueError("universe: index is an empty tuple; name an index, or None for all stocks")
    member = np.zeros(traded.shape, bool)
    for name in names:
        member |= market.index(name).member
    return member & traded
