"""Labels by date: one group a stock and session, as codes; and the sessions that they cover."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.dates import check_panel
from alpha.graphs.graph import Rows
from market import DataError

NONE = -1  # code of a label that is missing
NO_NAMES = ("", str(NONE))  # as text these are no labels either, and nothing says what they are


def coded(labels: pd.DataFrame, what: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Codes ``[T, N]`` of labels of any kind, and what each means.

    Missing labels and the number -1 are no group, with the code -1.

    Raises
    ------
    DataError
        Dates that are not increasing, a stock twice, or a blank label.
    """
    check_panel(labels, what)
    codes, found = pd.factorize(labels.to_numpy().ravel())
    named = np.array([name != NONE for name in found], bool)
    # each code anew without that of -1; the last entry is for those that are missing
    anew = np.append(np.where(named, np.cumsum(named) - 1, NONE), NONE).astype(np.int32)
    table = anew[codes].reshape(labels.shape)
    names = tuple(str(name) for name in found[named])
    blank = np.array([name.strip() in NO_NAMES for name in names], bool)
    if blank.any():
        where = np.isin(table, np.flatnonzero(blank))
        row, column = np.argwhere(where)[0]
        raise DataError(
            f"{what}: {int(where.sum())} of {where.size} labels are blank, first "
            f"{names[table[row, column]]!r} of {labels.columns[column]} on "
            f"{labels.index[row]:%Y-%m-%d}; give None or the number -1 where there is no group"
        )
    return table, names


def covered(sessions: pd.DatetimeIndex, dates: pd.DatetimeIndex, what: str) -> Rows:
    """Rows of the labels on ``dates`` (DataError: a session without a row of labels)."""
    rows = sessions.get_indexer(dates)
    if (rows < 0).any():
        lost = dates[rows < 0]
        raise DataError(
            f"{what}: it has no labels on {len(lost)} of {len(dates)} sessions, first "
            f"{lost[0]:%Y-%m-%d}; it covers {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}; make it "
            "from the market that is fitted or updated to"
        )
    return rows
