"""What the best of many trials is worth."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtest
from backtest import TopN, active_returns, overfitting, run, sweep
from tests.backtest.worlds import random_world


def noise(seed, trials=8, days=160):
    random = np.random.default_rng(seed)
    names = [f"t{k}" for k in range(trials)]
    return pd.DataFrame(0.01 * random.standard_normal((days, trials)), columns=names)


def plain(frame, blocks):
    """The same with loops, one split at a time."""
    starts = np.linspace(0, len(frame), blocks, endpoint=False).astype(int)
    parts = np.split(frame.to_numpy(), starts[1:])
    rows = []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.vstack([parts[k] for k in chosen])
        outside = np.vstack([parts[k] for k in range(blocks) if k not in chosen])
        earlier, later = (x.mean(axis=0) / x.std(axis=0, ddof=1) for x in (inside, outside))
        best = int(earlier.argmax())
        rank = pd.Series(later).rank().iloc[best] / (frame.shape[1] + 1.0)
        rows.append((frame.columns[best], earlier[best], later[best], rank))
    return pd.DataFrame(rows, columns=["best", "in_sample", "out_of_sample", "rank"])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 6]), st.integers(37, 90))
def test_splits_equal_those_of_plain_loops(seed, blocks, days):
    frame = noise(seed, trials=5, days=days)
    found, expected = overfitting(frame, blocks), plain(frame, blocks)
    pd.testing.assert_frame_equal(found.splits[expected.columns], expected, rtol=1e-9)
    assert found.probability == pytest.approx((expected["rank"] <= 0.5).mean())
    assert found.loss_probability == pytest.approx((expected["out_of_sample"] < 0.0).mean())


def test_two_halves_by_hand():
    # a is best in the first half and worst in the second, b the other way round, c always between
    first = pd.DataFrame({"a": [3.0, 1.0], "b": [-3.0, -1.0], "c": [1.0, -0.9]})
    frame = pd.concat([first, first.assign(a=first["b"], b=first["a"])], ignore_index=True)
    found = overfitting(frame, blocks=2)
    assert found.splits["best"].tolist() == ["a", "b"]
    assert found.splits["rank"].tolist() == pytest.approx([0.25, 0.25])  # last of three
    assert found.splits["logit"].tolist() == pytest.approx([np.log(1 / 3)] * 2)
    assert (found.probability, found.loss_probability) == (1.0, 1.0)


def test_a_trial_with_skill_is_not_overfitted_and_noise_is_a_coin():
    skilled = noise(1)
    skilled["t3"] += 0.01
    assert overfitting(skilled, 10).probability == 0.0
    means = [overfitting(noise(seed, trials=20), 8).probability for seed in range(40)]
    assert np.mean(means) == pytest.approx(0.5, abs=0.12)


def test_degradation_is_the_slope_out_of_sample_on_in_sample():
    found = overfitting(noise(6), 6)
    slope = np.polyfit(found.splits["in_sample"], found.splits["out_of_sample"], 1)[0]
    assert found.degradation == pytest.approx(slope)
    assert found.degradation < 0.0  # of noise, what one half has the other lacks


def test_the_order_of_the_trials_does_not_matter():
    frame = noise(2)
    found = overfitting(frame, 6), overfitting(frame[frame.columns[::-1]], 6)
    pd.testing.assert_frame_equal(found[0].splits, found[1].splits)
    assert "lower half" in repr(found[0])


def test_what_cannot_be_split_is_refused():
    frame = noise(3)
    with pytest.raises(ValueError, match="1 trials have nothing to choose from"):
        overfitting(frame[["t0"]])
    for blocks in (3, 0, 160):
        with pytest.raises(ValueError, match=f"blocks is {blocks} for 160 sessions"):
            overfitting(frame, blocks)
    with pytest.raises(ValueError, match="1 trials have gaps, first t2"):
        overfitting(frame.assign(t2=np.where(np.arange(160) == 5, np.nan, frame["t2"])))
    with pytest.raises(ValueError, match="1 trials do not vary in half of the 16 blocks, first t4"):
        overfitting(frame.assign(t4=np.where(np.arange(160) < 30, frame["t4"], 0.0)))
    with pytest.raises(ValueError, match="1 trials do not vary"):
        overfitting(
            frame.assign(t4=1e-15 * frame["t4"])
        )  # rounding, as of the index against itself


class Best:
    def __init__(self, scores):
        self.scores = scores

    def __call__(self, n):
        return TopN(self.scores, int(n))


def test_the_saved_cells_of_a_sweep_are_read(tmp_path):
    world = random_world(4, days=60)
    best = Best(world.field("adj_close").astype(float).pct_change(fill_method=None).fillna(0.0))
    cells = sweep(world, best, benchmark="half", workers=1, folder=tmp_path / "s", n=[1, 2, 3])
    daily = active_returns(cells)
    assert daily.columns.tolist() == ["n 1", "n 2", "n 3"]
    pd.testing.assert_series_equal(
        daily["n 2"],
        run(world, best(2), benchmark="half").active,
        check_names=False,
        check_freq=False,
    )
    found = overfitting(cells, blocks=4)
    assert (found.trials, found.sessions, len(found.splits)) == (3, len(daily), 6)


def test_results_of_other_sessions_are_refused():
    world = random_world(4, days=60)
    policy = backtest.BenchmarkPolicy("half")
    short, long = (run(world, policy, end=end) for end in (world.dates[30], None))
    with pytest.raises(ValueError, match=r"short has .* sessions"):
        active_returns({"short": short, "long": long})


def test_cells_without_a_benchmark_are_refused(tmp_path):
    world = random_world(4, days=60, quiet=True)
    best = Best(world.field("adj_close").astype(float).pct_change().fillna(0.0))
    cells = sweep(world, best, workers=1, folder=tmp_path / "s", n=[1, 2])
    with pytest.raises(ValueError, match="was run without a benchmark"):
        overfitting(cells)
