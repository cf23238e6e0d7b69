"""What a risk model writes down day by day."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from risk.arrays import Bools, Codes, Floats

BY_STOCK = (
    "styles", "industry", "covered", "estu", "cap", "voted", "ordinary", "residuals", "specific",
)  # fmt: skip
SPARE = 256  # sessions of room behind a record: a year of updates without a copy


@dataclass(frozen=True, eq=False)
class Record:
    """Results by date: T sessions, N stocks, K factors (country, industries, styles), S styles.

    ``styles`` is float32 because it is the one large array; all arithmetic on it is float64. NaN marks
    what does not exist: a style absent that day, a factor without members, a stock not covered.
    """

    styles: Floats  # [T, N, S] float32
    industry: Codes  # [T, N] int8, -1 none
    covered: Bools  # [T, N]
    estu: Bools  # [T, N] estimation universe at the close
    cap: Floats  # [T, N] float32, CNY, at the last traded price
    voted: Bools  # [T, N] entered the regression of the day's returns
    market_return: Floats  # [T] of the estimation universe, by market value
    factor_returns: Floats  # [T, K]
    t_values: Floats  # [T, K]
    r2: Floats  # [T]
    r2_centred: Floats  # [T]
    r2_adjusted: Floats  # [T]
    vif: Floats  # [T, S]
    residuals: Floats  # [T, N] float32
    ordinary: Bools  # [T, N] the residual counts for specific risk
    covariance: Floats  # [T, K, K] per day
    specific: Floats  # [T, N] volatility per day
    regime: Floats  # [T, 2] lambda of factors and of specific risk
    filled: Codes  # [T, S] exposures predicted from industry and size
    errors: Codes  # [T] descriptor values blanked as errors
    unplaced: Codes  # [T] covered stocks without an industry
    unsized: Codes  # [T] covered stocks without a market value
    thin: Codes  # [T] stocks whose specific risk leans on others of their kind
    clipped: Codes  # [T] specific risks moved to a bound
    collinear: Codes  # [T] styles left out of the regression
    repaired: Bools  # [T] covariance made positive definite
    eigen_clipped: Codes  # [T] ranks whose simulated bias was out of bounds
    surprises: Codes  # [T] returns too far from their forecast to count fully for the regime

    @classmethod
    def empty(cls, sessions: int, stocks: int, industries: int, styles: int) -> Record:
        """Return a record with nothing written."""
        t, n, s = sessions, stocks, styles
        k = 1 + industries + styles

        def blank(*shape: int, dtype: type = np.float64) -> Floats:
            return np.full(shape, np.nan, dtype=dtype)

        def count(*shape: int) -> Codes:
            return np.zeros(shape, dtype=np.int32)

        return cls(
            styles=blank(t, n, s, dtype=np.float32),
            industry=np.full((t, n), -1, dtype=np.int8),
            covered=np.zeros((t, n), dtype=bool),
            estu=np.zeros((t, n), dtype=bool),
            cap=blank(t, n, dtype=np.float32),
            voted=np.zeros((t, n), dtype=bool),
            market_return=blank(t),
            factor_returns=blank(t, k),
            t_values=blank(t, k),
            r2=blank(t),
            r2_centred=blank(t),
            r2_adjusted=blank(t),
            vif=blank(t, s),
            residuals=blank(t, n, dtype=np.float32),
            ordinary=np.zeros((t, n), dtype=bool),
            covariance=blank(t, k, k),
            specific=blank(t, n),
            regime=blank(t, 2),
            filled=count(t, s),
            errors=count(t),
            unplaced=count(t),
            unsized=count(t),
            thin=count(t),
            clipped=count(t),
            collinear=count(t),
            repaired=np.zeros(t, dtype=bool),
            eigen_clipped=count(t),
            surprises=count(t),
        )

    @property
    def described(self) -> Bools:
        """Sessions with exposures ``[T]``."""
        return np.asarray(self.covered.any(axis=1))

    @property
    def estimated(self) -> Bools:
        """Sessions with factor returns ``[T]``."""
        return np.isfinite(self.r2)

    @property
    def modelled(self) -> Bools:
        """Sessions with a covariance ``[T]``."""
        return np.isfinite(self.covariance[:, 0, 0])

    def sealed(self) -> Record:
        """Make every array read-only: what was written stays as it was."""
        for item in fields(self):
            getattr(self, item.name).flags.writeable = False
        return self

    def head(self, sessions: int) -> Record:
        """Return the first sessions, sharing memory."""
        return Record(**{item.name: getattr(self, item.name)[:sessions] for item in fields(self)})

    def copied(self, capacity: int, stocks: int, position: Codes) -> Record:
        """Return a writable record of ``capacity`` sessions that begins with these.

        ``position`` ``[N]`` tells where this record's stocks stand among the new ``stocks``.
        """
        industries = self.factor_returns.shape[1] - 1 - self.styles.shape[2]
        longer = Record.empty(capacity, stocks, industries, self.styles.shape[2])
        place = slice(None) if np.array_equal(position, np.arange(stocks)) else position
        for item in fields(self):
            target, written = getattr(longer, item.name), getattr(self, item.name)
            if item.name in BY_STOCK:
                target[: len(written), place] = written
            else:
                target[: len(written)] = written
        return longer


@dataclass(eq=False)
class Room:
    """Memory with rows to spare behind a record, so that a session more need not copy those before.

    Records that begin alike share it; ``taken`` counts the rows that belong to one. A history goes on in place if its
    record is the longest so far, and in a copy otherwise, so none can write into another.
    """

    whole: Record
    taken: int

    @classmethod
    def empty(cls, sessions: int, stocks: int, industries: int, styles: int) -> Room:
        """Return room for some sessions and a year more, all taken but the year."""
        return cls(Record.empty(sessions + SPARE, stocks, industries, styles), sessions)

    @property
    def record(self) -> Record:
        """The rows taken."""
        return self.whole.head(self.taken)

    def after(self, record: Record, sessions: int) -> Room | None:
        """Return the room with ``record`` carried on to ``sessions``; None if that must be elsewhere."""
        known = len(record.r2)
        shared = np.shares_memory(record.r2, self.whole.r2[:known])
        if not shared or self.taken != known or sessions > len(self.whole.r2):
            return None
        self.taken = sessions
        return self

    @classmethod
    def copied(cls, record: Record, sessions: int, stocks: int, position: Codes) -> Room:
        """Return other room for ``record`` carried on to ``sessions`` and a year more."""
        return cls(record.copied(sessions + SPARE, stocks, position), sessions)
