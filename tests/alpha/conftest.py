"""Fixtures of the alpha tests."""

from __future__ import annotations

import pytest
import torch

from market import Market
from tests.alpha.worlds import random_market


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def toy() -> Market:
    """700 sessions from 2015, 30 stocks: enough for a fold of half-years."""
    return random_market(700)
