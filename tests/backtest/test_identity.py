"""What a thing is made from: the same in every process, another one for another content."""

import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import TopN
from backtest.identity import identity
from market import Costs, simulate

ROOT = Path(__file__).resolve().parents[2]
DAYS = pd.to_datetime(["2020-01-02", "2020-01-03"])


@dataclass(frozen=True, eq=False)
class Settings:
    names: frozenset[str]
    limits: dict[str, float]
    costs: Costs


class Feed:
    """Made from a source; what it remembers of its work is not what it is."""

    def __init__(self, source):
        self.source = source
        self.calls = 0

    def __call__(self, limit):
        self.calls += 1
        return self.source * limit


def scores():
    return pd.DataFrame([[1.0, np.nan], [0.5, 2.0]], index=DAYS, columns=["SH600000", "SZ000001"])


def closure(k):
    return lambda limit: limit * k


def things():
    """One of each kind that a factory is made of."""
    words = frozenset({"turnover", "bounds", "tracking_error", "active_weight"})
    settings = Settings(words, {"a": 1.0, "b": 2.0}, Costs.cn())
    nested = pd.DataFrame({"x": [1, 2], "y": ["p", "q"], "z": DAYS})
    return [
        settings,
        scores(),
        nested,
        Feed(np.arange(6.0).reshape(2, 3)),
        closure(2),
        partial(max, 1),
    ]


def test_another_process_finds_the_same():
    code = (
        "from tests.backtest.test_identity import things, identity;"
        "print(*[identity(t) for t in things()])"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert there.stdout.split() == [identity(t) for t in things()]
    assert len(set(there.stdout.split())) == len(things())


def test_equal_content_in_another_form_is_the_same():
    frame = scores()
    again = pd.concat([frame[["SH600000"]], frame[["SZ000001"]]], axis=1)  # in two blocks
    again.index = again.index.as_unit("s")
    assert identity(again) == identity(frame)
    assert identity({"b": 1, "a": 2.0}) == identity({"a": 2.0, "b": 1})
    assert identity(np.float64(0.1)) == identity(0.1)
    assert identity(np.asfortranarray(frame.to_numpy())) == identity(frame.to_numpy())


def test_what_an_object_remembers_of_its_work_does_not_count():
    feed = Feed(2.0)
    before = identity(feed)
    assert feed(0.5) == 1.0
    assert identity(feed) == before
    assert identity(Feed(3.0)) != before


def changed_scores():
    frame = scores()
    frame.iloc[1, 1] = np.nextafter(2.0, 3.0)
    return frame


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scores(), changed_scores()),
        (scores(), scores().rename(columns={"SZ000001": "SZ000002"})),
        (scores(), scores().astype(np.float32)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (TopN(scores(), 1), TopN(scores(), 2)),
        (TopN(scores(), 1).__call__, TopN(scores(), 2).__call__),
        (closure(2), closure(3)),
        (lambda limit: limit + 1, lambda limit: limit + 2),
        (lambda limit, k=1: limit + k, lambda limit, k=2: limit + k),
        (partial(closure, 2), partial(closure, k=2)),
        (Costs.cn(), Costs.cn(commission=0.0003)),
        ([1, 2], [2, 1]),
        ((1,), [1]),
        (True, 1),
        (None, "None"),
        ({1, 2}, {1, 3}),
        (TopN, Feed),
        (np.random.default_rng(1), np.random.default_rng(2)),
    ],
)
def test_another_content_is_another_identity(one, other):
    assert identity(one) != identity(other)
    assert identity(one) == identity(one)


def test_a_market_counts_by_its_fingerprint_and_a_loop_ends():
    one, other = simulate(stocks=30, days=40, seed=1), simulate(stocks=30, days=40, seed=2)
    assert identity(one) != identity(other)
    assert identity(one.until(one.dates[-1])) == identity(one)
    ring = []
    ring.append(ring)
    assert len(identity(ring)) == 16
