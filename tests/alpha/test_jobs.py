"""Several folds and seeds at a time: the same numbers, shared memory, kills and errors."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch

import alpha
from alpha.models.gru import GRU, GRUNetwork

SPLITS = alpha.WalkForward(
    train="1y", valid="6m", test="6m", min_train="6m", start="2016-07-01", end="2017-06-30"
)
CONFIG = alpha.TrainConfig(epochs=2, every=12, learning_rate=5e-3)
COMMON = {"label": alpha.labels.vwap_1, "splits": SPLITS, "config": CONFIG, "seeds": (0, 1)}


class Worker(GRUNetwork):
    """Tells where it trained, and does what the file named in ``ORDERS`` says."""

    extras: ClassVar[tuple[str, ...]] = ("process", "mapped", "threads")

    def __init__(self, settings, features):
        super().__init__(settings, features)
        self.settings = settings
        self.mapped = False

    def prepare(self, task):
        self.mapped = isinstance(task.days.windows.x, np.memmap)
        orders = Path(self.settings.orders)
        if orders.is_file() and orders.read_text() == task.name:
            self.settings.obey(task)

    def extra(self, batch):
        ones = torch.ones(len(batch.codes), 1)
        return {
            "process": ones * os.getpid(),
            "mapped": ones * self.mapped,
            "threads": ones * torch.get_num_threads(),
        }


@dataclass(frozen=True)
class Working(GRU):
    hidden: int = 8
    steps: int = 4
    dropout: float = 0.2
    layers: int = 2
    orders: str = "/nowhere"

    def build(self, features):
        return Worker(self, features)

    def obey(self, task):
        raise FloatingPointError("as ordered")


@dataclass(frozen=True)
class Dying(Working):
    """A recipe whose process is gone, as if the machine had run out of memory."""

    def obey(self, task):
        os._exit(9)


def told(result, name):
    (value,) = {float(v) for v in np.unique(result.extras[name].values) if np.isfinite(v)}
    return value


@pytest.fixture(scope="module")
def alone(toy):
    return alpha.fit(Working(), toy, None, **COMMON)


def test_two_jobs_give_the_bits_of_one(toy, alone, tmp_path):
    here = os.getpid()
    assert {told(f, "process") for f in alone.folds} == {here}
    for run in (None, tmp_path):
        found = alpha.fit(Working(), toy, None, run=run, jobs=2, **COMMON)
        assert [(f.fold, f.seed) for f in found.folds] == [(f.fold, f.seed) for f in alone.folds]
        pd.testing.assert_frame_equal(found.scores(), alone.scores(), check_exact=True)
        pd.testing.assert_frame_equal(found.history(), alone.history(), check_exact=True)
        for one, other in zip(found.folds, alone.folds, strict=True):
            for name, value in one.state.items():
                assert torch.equal(value, other.state[name])
            assert told(one, "process") != here
            assert told(one, "mapped")  # the features were not copied into the job
            assert told(one, "threads") == CONFIG.threads


def test_an_error_in_a_job_names_its_fold_and_seed(toy, tmp_path):
    orders = tmp_path / "orders"
    orders.write_text("2017 seed 1")
    for jobs in (1, 2):
        with pytest.raises(FloatingPointError, match="as ordered") as caught:
            alpha.fit(Working(orders=str(orders)), toy, None, jobs=jobs, **COMMON)
        assert caught.value.__notes__ == ["while fitting Working on fold 2017 seed 1"]


def test_a_killed_job_ends_the_fit_and_the_next_call_goes_on(toy, alone, tmp_path):
    orders = tmp_path / "orders"
    orders.write_text("2017 seed 0")
    model, run = Dying(orders=str(orders)), tmp_path / "run"
    with pytest.raises(RuntimeError) as caught:
        alpha.fit(model, toy, None, run=run, jobs=2, **COMMON)
    assert "2017 seed 0" in caught.value.__notes__[0]
    done = next(run.glob("2016-07-01-seed*/done.json"))  # 2017 began when one of the two was done
    with pytest.raises(
        ValueError, match=r"not finished; [12] folds and seeds are: ..2016-07-01-seed"
    ):
        alpha.load(run)
    stamp = done.stat().st_mtime_ns
    orders.unlink()
    found = alpha.fit(model, toy, None, run=run, **COMMON)
    pd.testing.assert_frame_equal(found.scores(), alone.scores(), check_exact=True)
    assert done.stat().st_mtime_ns == stamp


def test_jobs_and_threads_must_be_counts(toy):
    with pytest.raises(ValueError, match="jobs is 0"):
        alpha.fit(Working(), toy, None, jobs=0, **COMMON)
    with pytest.raises(ValueError, match="threads is 0"):
        replace(CONFIG, threads=0)
