"""One fitted risk history for the tests of this folder."""

import pytest

import risk
from tests.enhance.weeks import scores_of


@pytest.fixture(scope="session")
def history(world):
    return risk.Barra().fit(world)


@pytest.fixture(scope="session")
def scores(world):
    return scores_of(world)
