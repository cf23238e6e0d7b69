"""The risk model in the shape of the kernels: industries one-hot, the other factors dense.

The country factor is the sum of the industries, and folded into their covariances: then it needs no row
of its own, and cash needs no exception. Stocks without an industry share a row that is no factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enhance.door import refuse_indefinite
from enhance.problem import Problem
from enhance.structured.compiled import exact

Array = np.ndarray

COUNTRY, UNUSED = -2, -1  # roles of a column; k >= 0 is dense row k, -3 - k is industry k


@dataclass(frozen=True, eq=False)
class Factors:
    """Rows of exposures that factors have.

    Attributes
    ----------
    columns
        Factor of each row ``[R]``, -1 for the row of the stocks without an industry.
    industries
        How many of the first rows are one-hot.
    industry
        Row of each stock among those ``[N]``, int64.
    dense
        The other rows ``[R - industries, N]``.
    """

    columns: Array
    industries: int
    industry: Array
    dense: Array

    @classmethod
    def of(cls, problem: Problem, hot: bool, dense: Array, country: bool) -> Factors | None:
        """Read the exposures; None where country or industries are not one-hot.

        ``hot`` asks for the industry rows, ``dense`` lists the columns of the dense ones, ``country``
        says whether the country factor must be a row of ones.
        """
        kinds = np.array(problem.kinds)
        industries = np.flatnonzero(kinds == "industry") if hot else np.zeros(0, np.intp)
        role = np.full(len(kinds), UNUSED)
        countries = np.flatnonzero(kinds == "country") if country else np.zeros(0, np.intp)
        role[countries] = COUNTRY
        role[industries] = -3 - np.arange(len(industries))
        role[dense] = np.arange(len(dense))
        n, X = len(problem.stocks), problem.exposures
        rows, industry = np.zeros((len(dense), n)), np.zeros(n, np.int64)
        strangers = read_exposures(
            X.indptr, X.indices, X.data, role, len(countries), len(industries), rows, industry
        )
        if strangers < 0:
            return None
        none = [-1] if hot and (strangers > 0 or len(industries) == 0) else []
        columns = np.concatenate([industries, np.array(none, np.intp), dense]).astype(np.intp)
        return cls(columns, len(industries) + len(none), industry, rows)

    def covariance(self, problem: Problem) -> Array:
        """Return F over the rows ``[R, R]``, the country folded in.

        Raises
        ------
        DataError
            F is not positive semidefinite.
        """
        refuse_indefinite(problem.factor_covariance, problem.date)
        F, known = problem.factor_covariance, self.columns >= 0
        folded = np.where(known & known[:, None], F[np.ix_(self.columns, self.columns)], 0.0)
        for c in (k for k, kind in enumerate(problem.kinds) if kind == "country"):
            across = np.where(known, F[c, self.columns], 0.0)
            folded[: self.industries] += across
            folded[:, : self.industries] += across[:, None]
            folded[: self.industries, : self.industries] += F[c, c]
        return np.ascontiguousarray(folded)


@exact
def read_exposures(
    indptr: Array,
    indices: Array,
    data: Array,
    role: Array,
    countries: int,
    industries: int,
    dense: Array,
    industry: Array,
) -> int:
    """Copy the columns that are needed; return how many stocks have no industry.

    They get the row after the last industry. Minus one where country or industries are not one-hot.
    """
    strangers = 0
    for i in range(len(indptr) - 1):
        seen_country = seen_industry = 0
        for at in range(indptr[i], indptr[i + 1]):
            what, value = role[indices[at]], data[at]
            if what >= 0:
                dense[what, i] = value
            elif what == COUNTRY and value != 0.0:
                seen_country += 1 if value == 1.0 else 2
            elif what < COUNTRY and value != 0.0:
                seen_industry += 1 if value == 1.0 else 2
                industry[i] = -3 - what
        if seen_country != countries or seen_industry > 1:
            return -1
        if seen_industry == 0:
            industry[i] = industries
            strangers += 1
    return strangers
