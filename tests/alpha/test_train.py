"""The training loop: early stop, schedules, and a kill in the middle."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import alpha
from alpha.models.gru import GRU, GRUNetwork
from alpha.train import Task, TrainConfig, device_of, train, validate
from tests.alpha.worlds import fused, make_days

SETTINGS = GRU(hidden=8, layers=2, dropout=0.2, steps=4)  # dropout: the random state matters
CONFIG = TrainConfig(epochs=6, every=2, patience=6, learning_rate=1e-2)


@pytest.fixture
def task():
    return Task(make_days(), np.arange(3, 25), np.arange(27, 38), CONFIG, seed=0)


def fresh(seed=0, kind=GRUNetwork):
    torch.manual_seed(seed)
    return kind(SETTINGS, 5)


def weights(network):
    return {k: v.clone() for k, v in network.state_dict().items()}


@pytest.mark.parametrize("steps_before_the_kill", [0, 5, 11, 12, 40])
def test_a_killed_training_resumes_to_the_same_weights(task, tmp_path, steps_before_the_kill):
    whole = fresh()
    history = train(whole, task)
    kept = replace(task, checkpoint=tmp_path / "fold" / "checkpoint.pt")
    killed = fused(fresh(), steps_before_the_kill)
    with pytest.raises(KeyboardInterrupt):
        train(killed, kept)
    torch.manual_seed(0)
    resumed = GRUNetwork(SETTINGS, 5)
    torch.testing.assert_close(weights(fresh()), weights(resumed))
    again = train(resumed, kept)
    pd.testing.assert_frame_equal(again, history)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name
    assert list((tmp_path / "fold").iterdir()) == [tmp_path / "fold" / "checkpoint.pt"]


def test_a_finished_training_is_not_trained_again(task, tmp_path):
    kept = replace(task, checkpoint=tmp_path / "checkpoint.pt")
    first = fresh()
    history = train(first, kept)
    second = fused(fresh(), 0)
    pd.testing.assert_frame_equal(train(second, kept), history)
    assert torch.equal(first.head.weight, second.head.weight)


def test_a_checkpoint_of_other_settings_is_refused(task, tmp_path):
    kept = replace(task, checkpoint=tmp_path / "checkpoint.pt")
    train(fresh(), kept)
    other = replace(kept, config=replace(CONFIG, learning_rate=0.5))
    with pytest.raises(
        ValueError, match=r"learning_rate is 0\.01 there and 0.5 now; use another run"
    ):
        train(fresh(), other)
    elsewhere = replace(kept, config=replace(CONFIG, threads=2, device="cpu"))
    assert len(train(fresh(), elsewhere)) == 6  # where it is trained is no setting of the model


def test_the_state_that_validates_best_is_kept(task):
    network = fresh()
    history = train(network, task)
    best = validate(network, task.days, task.valid, task.config)
    assert best == pytest.approx(history["valid"].max())


def test_training_stops_after_patience_epochs_without_a_better_score(task):
    days = task.days
    rng = np.random.default_rng(0)
    noise = replace(days, y=rng.permuted(days.y, axis=1))  # nothing to learn
    config = replace(CONFIG, epochs=60, patience=2, learning_rate=3e-2)
    history = train(fresh(), replace(task, days=noise, config=config))
    assert len(history) < 60
    assert history["valid"].argmax() == len(history) - 1 - 2


def test_every_day_is_visited_once_in_every_k_epochs(task):
    seen: list[pd.Timestamp] = []

    class Watching(GRUNetwork):
        def loss(self, batch, criterion):
            seen.append(batch.date)
            return super().loss(batch, criterion)

    train(fresh(kind=Watching), replace(task, config=replace(CONFIG, epochs=3, every=3)))
    assert sorted(seen) == list(task.days.dates[task.train])
    first = len(range(0, len(task.train), 3))
    assert sorted(seen[:first]) == list(task.days.dates[task.train[::3]])
    assert seen[:first] != sorted(seen[:first])  # shuffled


def test_the_metric_may_be_the_loss(task):
    config = replace(CONFIG, metric="loss", epochs=2)
    network = fresh()
    history = train(network, replace(task, config=config))
    assert history["valid"].max() == pytest.approx(validate(network, task.days, task.valid, config))
    assert (history["valid"] < 0).all()


def test_validation_rank_ic_equals_the_evaluation_of_the_scores(task):
    network = fresh()
    train(network, task)
    scores = alpha.predict(network, task.days, task.valid)
    label = pd.DataFrame(task.days.y, index=task.days.dates, columns=task.days.stocks)
    expected = alpha.evaluate.rank_ic(scores, label).mean()
    found = validate(network, task.days, task.valid, task.config)
    assert found == pytest.approx(expected, abs=1e-6)


def test_reduced_precision_learns_the_same_thing(task):
    full, half = fresh(), fresh()
    train(full, task)
    train(half, replace(task, config=replace(CONFIG, bfloat16=True)))
    a = alpha.predict(full, task.days, task.valid)
    b = alpha.predict(half, task.days, task.valid)
    assert alpha.evaluate.rank_ic(a, b).mean() > 0.9
    assert half.head.weight.dtype == torch.float32


def test_a_diverging_training_is_an_error(task):
    task.days.windows.x[5, 0, 0] = np.inf
    with pytest.raises(FloatingPointError, match="training diverged in epoch 1: mean loss nan"):
        train(fresh(), task)


def test_scores_that_never_tell_stocks_apart_are_an_error(task):
    class Flat(GRUNetwork):
        def forward(self, x, batch):
            return 0.0 * super().forward(x, batch)

    with pytest.raises(FloatingPointError, match="none of 6 epochs gave a finite validation score"):
        train(fresh(kind=Flat), task)


def test_fewer_training_days_than_the_step_are_all_used(task):
    history = train(fresh(), replace(task, train=task.train[:3], config=replace(CONFIG, every=50)))
    assert len(history) == 6


def test_the_device_is_the_one_asked_for_or_the_one_there_is(task):
    assert device_of(TrainConfig(device="cpu")) == torch.device("cpu")
    if torch.cuda.is_available():
        assert device_of(TrainConfig()).type == "cuda"
    else:
        assert device_of(TrainConfig()) == torch.device("cpu")
        with pytest.raises(
            RuntimeError, match=r"device is 'cuda' and torch .* sees no CUDA device"
        ):
            train(fresh(), replace(task, config=replace(CONFIG, device="cuda")))
    with pytest.raises(ValueError, match="device is 'gpu'; use 'auto', 'cpu' or 'cuda'"):
        TrainConfig(device="gpu")


def test_a_batch_moves_with_all_its_tensors(task):
    batch = task.days.batch(10, labelled=True)
    assert batch.to("cpu") is batch
    there = batch.to("meta")
    for name in ("x", "present", "label_mask", "y"):
        assert getattr(there, name).device.type == "meta"
        assert getattr(there, name).shape == getattr(batch, name).shape
    assert there.x.stride() == batch.x.stride()  # time-major, as the recurrent nets read it
    assert there.edges is None
    assert there.codes is batch.codes


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_learns_what_the_cpu_learns(task):
    there, here = fresh(), fresh()
    found = train(there, replace(task, config=replace(CONFIG, device="cuda", bfloat16=True)))
    assert there.device.type == "cuda"
    train(here, replace(task, config=replace(CONFIG, device="cpu")))
    assert len(found) == 6
    a, b = (alpha.predict(net, task.days, task.valid) for net in (there, here))
    assert alpha.evaluate.rank_ic(a, b).mean() > 0.9
    assert all(value.device.type == "cpu" for value in there.state().values())


def test_a_training_begun_twice_ends_with_the_same_bits(task):
    one = fresh()
    history = train(one, task)
    other = fresh()  # draws the seed again, for the dropout
    pd.testing.assert_frame_equal(train(other, task), history, check_exact=True)
    for name, value in weights(one).items():
        assert torch.equal(value, weights(other)[name])


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="every is 0; it must be >= 1"):
        TrainConfig(every=0)
    with pytest.raises(ValueError, match="metric is 'ic'; use"):
        TrainConfig(metric="ic")
    with pytest.raises(ValueError, match="loss is 'mse'; give a function"):
        TrainConfig(loss="mse")
    with pytest.raises(ValueError, match="learning_rate nan"):
        TrainConfig(learning_rate=float("nan"))
    with pytest.raises(ValueError, match="valid_every is 0; it must be >= 1"):
        TrainConfig(valid_every=0)
    with pytest.raises(ValueError, match="learning_rate 0"):
        TrainConfig(learning_rate=0)
