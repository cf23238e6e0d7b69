"""The mean of several models' scores."""

import numpy as np
import pandas as pd
import pytest

import alpha

DAYS = pd.to_datetime(["2020-01-02", "2020-01-03"])


def test_every_model_weighs_the_same_whatever_its_scale():
    one = pd.DataFrame([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]], DAYS, list("ABC"))
    other = pd.DataFrame([[100.0, 300.0, 200.0], [2.0, 1.0, np.nan]], DAYS, list("ABC"))
    # z-scores of the first day: -a 0 a and -a a 0 with a = sqrt(1.5); their mean has a spread of a/sqrt(2)
    found = alpha.average([one, other])
    np.testing.assert_allclose(found.iloc[0], [-np.sqrt(2), np.sqrt(0.5), np.sqrt(0.5)])
    # the second day: one says nothing, the other orders A before B; C is not scored by both
    np.testing.assert_allclose(found.iloc[1, :2], [1.0, -1.0])
    assert np.isnan(found.iloc[1, 2])


def test_scores_of_other_dates_or_none_are_refused():
    one = pd.DataFrame([[1.0, 2.0], [2.0, 1.0]], DAYS, list("AB"))
    with pytest.raises(ValueError, match="table 1 has 1 dates and 2 stocks"):
        alpha.average([one, one.iloc[:1]])
    with pytest.raises(ValueError, match="no scores"):
        alpha.average([])
