"""ADD: what each encoder learns and unlearns, rounds that teach the next, windows that are made up."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import alpha
from alpha.dataset import Dataset
from alpha.models.add import ADD, ADDNetwork, Labelled, Lesson
from alpha.splits import Fold
from tests.alpha.worlds import fused, make_days, random_market

QUICK = alpha.TrainConfig(epochs=2, every=1, patience=2, learning_rate=1e-2)


def days_with_market(days=30, stocks=24, seed=0):
    """The last feature is the market's, one number a day; its sign is that of the market's return."""
    made = make_days(days=days, stocks=stocks, features=3, steps=1, seed=seed)
    made.windows.x[..., 2] = made.windows.x[:, :1, 2]
    return replace(made, y_mkt=made.windows.x[:, 0, 2] / 50)


def network(**settings):
    torch.manual_seed(0)
    return ADD(**({"hidden": 8, "steps": 1, "days_per_step": 2} | settings)).build(3)


def task_of(days, train=20, config=QUICK, **more):
    rows = np.arange(len(days.dates))
    return alpha.Task(days, rows[:train], rows[train + 2 :], config, 0, **more)


def gradients(model, batch):
    model.zero_grad()
    model.loss(batch, alpha.losses.mse).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def test_in_the_first_epoch_the_adversaries_leave_the_encoders_alone():
    model, batch = network(), days_with_market().batch(20, labelled=True)
    model.on_epoch_start(0, None)
    first = gradients(model, batch)
    for head in (model.tell_excess_from_market, model.tell_market_from_excess):
        torch.nn.init.normal_(head[0].weight)
        torch.nn.init.normal_(head[3].weight)
    other = gradients(model, batch)
    for name in first:
        if name.startswith(("excess", "market", "decoder")):
            assert torch.equal(first[name], other[name]), name
        if name.startswith("tell_market_from_excess"):
            assert other[name].abs().sum() > 0, name
    model.on_epoch_start(5, None)
    later = gradients(model, batch)
    assert not torch.equal(later["excess.top.steps.weights.weight_ih_l0"], first["excess.top.steps.weights.weight_ih_l0"])  # fmt: skip


def test_classes_are_terciles_of_the_training_days_or_the_sign():
    days = days_with_market()
    days = replace(days, y_mkt=np.arange(30, dtype=np.float32) / 100)
    model = network()
    model.prepare(task_of(days, train=21))
    np.testing.assert_allclose(model.bounds, [0.2 / 3, 0.4 / 3], atol=1e-6)
    kinds = [int(model._class(days.batch(t, labelled=True))) for t in (0, 6, 7, 13, 14, 29)]
    assert kinds == [0, 0, 1, 1, 2, 2]
    sign = network(classes=2)
    sign.prepare(task_of(days))
    falls = replace(days, y_mkt=days.y_mkt - 0.05)
    assert [int(sign._class(falls.batch(t, labelled=True))) for t in (2, 9)] == [0, 1]
    unknown = replace(days, y_mkt=np.full(30, np.nan, np.float32)).batch(3, labelled=True)
    assert sign._class(unknown) is None
    assert torch.isfinite(sign.loss(unknown, alpha.losses.mse))


def test_market_states_of_another_day_change_the_market_forecast_only():
    model, days = network(), days_with_market()
    a, b = (days.batch(t, labelled=False).x for t in (20, 21))
    e, m = model.excess(a)[0], model.market(a)[0]
    swapped = model.market(b)[0]
    assert torch.equal(model.tell_excess(e)[:, 0], model(a, None))
    assert not torch.allclose(model.tell_market(swapped), model.tell_market(m))


@pytest.fixture(scope="module")
def second_round():
    """A network in its second round, in training, with its lesson."""
    days = days_with_market()
    model = network(augment=16)
    task = task_of(days)
    model.prepare(task)
    model._begin_again(task)
    model.prepare(task)
    return model.train(), days, task


def test_mixing_stops_at_the_edges_of_the_training_period(second_round):
    model, days, _ = second_round
    pairs = {t: model.lesson.pair(days.batch(t, labelled=True), 8) for t in range(30)}
    mixed = [t for t, pair in pairs.items() if pair is not None]
    assert mixed == list(range(1, 20))
    before, p, q = pairs[7]
    assert before.date == days.dates[6]
    assert len(p) == 8
    assert torch.equal(p, q)
    model.eval()
    assert model._made_up(days.batch(7, labelled=True)) is None
    model.train()


def test_a_stock_is_mixed_with_itself_though_others_come_and_go(second_round):
    model, days, _ = second_round
    present = days.present.copy()
    present[6, :5] = present[7, 10:12] = False
    patchy = replace(days, present=present)
    lesson = replace(model.lesson, days=patchy)
    batch = patchy.batch(7, labelled=True)
    before, p, q = lesson.pair(batch, 99)
    assert list(batch.codes[p.numpy()]) == list(before.codes[q.numpy()])
    assert len(p) == 24 - 5 - 2


def test_a_made_up_window_has_the_excess_of_its_day_and_the_market_of_the_other(second_round):
    model, days, _ = second_round
    torch.manual_seed(3)
    made = model._made_up(days.batch(7, labelled=True))
    torch.manual_seed(3)
    before, p, q = model.lesson.pair(days.batch(7, labelled=True), 16)
    batch = days.batch(7, labelled=True)
    assert torch.equal(made.y, batch.y[p])
    assert int(made.kind) == int(model._class(before))
    teacher = model.lesson.teacher
    both = torch.cat([teacher.excess(batch.x[p]), teacher.market(before.x[q])], dim=-1)
    assert torch.equal(made.x, teacher.decoder(both, 1))
    assert not made.x.requires_grad


def test_windows_made_up_of_a_day_like_the_one_before_are_its_reconstruction(second_round):
    """Then the decoder joins what it would join anyway, and its squared error is that of the window."""
    model, days, _ = second_round
    x = days.windows.x.copy()
    x[6] = x[7]
    same = replace(days, windows=replace(days.windows, x=x))
    batch = same.batch(7, labelled=True)
    plain, teacher = model.lesson, model.lesson.teacher
    model.lesson = replace(plain, days=same)
    made = model._made_up(batch)
    model.lesson = plain
    assert len(made.x) == 16
    place = torch.stack(
        [(batch.y == y).nonzero()[0, 0] for y in made.y]
    )  # ranks: each is there once
    states = teacher.excess(batch.x[place]), teacher.market(batch.x[place])
    torch.testing.assert_close(made.x, teacher.decoder(torch.cat(states, dim=-1), 1))
    error = (made.x - batch.x[place]).square().mean()
    torch.testing.assert_close(teacher._told(states, batch.x[place]), error)


def test_neighbouring_sessions_without_a_common_stock_make_nothing_up():
    days = days_with_market()
    present = days.present.copy()
    present[6, :12] = present[7, 12:] = False
    days = replace(days, present=present)
    model = network(rounds=2, augment=8)
    history = model.fit(task_of(days))
    assert np.isfinite(history.to_numpy()).all()
    lesson = Lesson.of(model, task_of(days))
    mixed = [t for t in range(1, 20) if lesson.pair(days.batch(t, labelled=True), 8) is not None]
    assert mixed == [t for t in range(1, 20) if t != 7]


def test_the_teacher_stands_still_and_weighs_what_it_fits_badly(second_round):
    model, days, _ = second_round
    batch = days.batch(9, labelled=True)
    rows = Labelled(batch.x, batch.y, batch.label_mask, None)
    before = [p.clone() for p in model.lesson.teacher.parameters()]
    model.loss(batch, alpha.losses.ic).backward()
    assert all(p.grad is None for p in model.lesson.teacher.parameters())
    assert not any(name.startswith("lesson") for name in model.state())
    assert all(torch.equal(a, b) for a, b in zip(before, model.lesson.teacher.parameters(), strict=True))  # fmt: skip
    own, known = model.lesson.weights(rows, balance=0.0)
    day, _ = model.lesson.weights(rows, balance=1.0)
    half, _ = model.lesson.weights(rows, balance=0.5)
    assert known.shape == (24, 16)
    assert own.mean().item() == pytest.approx(1.0)
    assert day.ndim == 0 or (day == day[0]).all()
    torch.testing.assert_close(half, 0.5 * own + 0.5 * day)
    scores = model.lesson.teacher.tell_excess(known[:, :8])[:, 0]
    error = ((scores - scores.mean()) / scores.std() - (rows.y - rows.y.mean()) / rows.y.std()) ** 2
    assert torch.equal(torch.argsort(own), torch.argsort(error))


def test_days_that_the_teacher_fits_badly_weigh_more(second_round):
    model, days, task = second_round
    lesson = Lesson.of(model.lesson.teacher, task)
    weights = []
    for t in range(20):
        b = days.batch(t, labelled=True)
        weights.append(float(lesson.weights(Labelled(b.x, b.y, b.label_mask, None), 1.0)[0].max()))
    assert np.mean(weights) == pytest.approx(1.0)
    assert np.argmax(weights) == int(lesson.fits.argmin())


def test_the_best_round_is_kept_and_all_rounds_are_told():
    days = days_with_market()
    model = network(rounds=3, augment=8)
    history = model.fit(task_of(days))
    assert sorted(set(history["round"])) == [0, 1, 2]
    assert list(history.index) == list(range(len(history)))
    assert model.lesson is None
    found = alpha.train.validate(model, days, np.arange(22, 30), QUICK)
    assert found == pytest.approx(history["valid"].max())


class Misled(ADDNetwork):
    """Learns the opposite from its second round on."""

    def loss(self, batch, criterion):
        loss = super().loss(batch, criterion)
        return loss if self.lesson is None else -loss


def test_a_later_round_that_is_worse_is_not_kept():
    days = days_with_market()
    torch.manual_seed(0)
    model = Misled(ADD(hidden=8, steps=1, rounds=2), 3)
    history = model.fit(task_of(days))
    assert history["valid"].idxmax() in history.index[history["round"] == 0]
    found = alpha.train.validate(model, days, np.arange(22, 30), QUICK)
    assert found == pytest.approx(history["valid"].max())


def test_a_training_killed_in_its_second_round_ends_as_an_undisturbed_one(tmp_path):
    days = days_with_market()
    whole = network(rounds=2, augment=8)
    whole.fit(task_of(days))
    task = task_of(days, checkpoint=tmp_path / "checkpoint.pt")
    with pytest.raises(KeyboardInterrupt):
        fused(network(rounds=2, augment=8), 50).fit(task)
    assert (tmp_path / "round0-checkpoint.pt").exists()
    again = network(rounds=2, augment=8)
    again.fit(task)
    for name, value in whole.state().items():
        assert torch.equal(value, again.state()[name]), name
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


class Recorder(torch.optim.SGD):
    """Takes no step, and keeps the gradients it was asked to take it by."""

    def step(self):
        self.seen = [*getattr(self, "seen", []), [p.grad.clone() for p in self.parameters_]]


def gradients_of_steps(days, group):
    model = network(rounds=1, days_per_step=group)
    recorder = Recorder(model.parameters(), lr=1.0)
    recorder.parameters_ = list(model.parameters())
    config = replace(QUICK, clip=1e9)
    alpha.train._epoch(model, recorder, task_of(days, train=6, config=config), 0)
    return recorder.seen


def test_a_step_of_several_days_is_the_mean_of_their_gradients():
    days = days_with_market()
    single, joint = gradients_of_steps(days, 1), gradients_of_steps(days, 4)
    assert len(single) == 6
    assert len(joint) == 2
    for k in range(len(single[0])):
        for found, rows in zip(joint, (single[:4], single[4:]), strict=True):
            wanted = torch.stack([g[k] for g in rows]).mean(dim=0)
            torch.testing.assert_close(found[k], wanted, atol=1e-5, rtol=1e-4)


def known_to_the_adversary(days, rows, **settings):
    """R2 of the excess return told from the market state, after training."""
    model = network(rounds=1, reconstruction=0.0, **settings)
    config = replace(QUICK, epochs=8, patience=8, loss=alpha.losses.mse)
    model.fit(task_of(days, train=40, config=config))
    with torch.no_grad():
        told = [
            model.tell_excess_from_market(model.market(days.batch(t, False).x)[0]) for t in rows
        ]
    error = np.concatenate([t[:, 0].numpy() for t in told]) - days.y[rows].ravel()
    return 1 - error.var() / days.y[rows].var()


def test_the_market_state_forgets_the_excess_return_when_it_is_told_to():
    """Features hold an excess part (0) and a market part (2); the label is the excess part."""
    days, rows = days_with_market(days=50, stocks=40), np.arange(20, 50)
    assert known_to_the_adversary(days, rows, clip=0.0) > 0.4
    assert known_to_the_adversary(days, rows, clip=1.0, gamma=5.0) < 0.15


def test_a_fit_gives_the_mean_raw_return_of_the_universe_over_the_horizon_of_the_label():
    market, label = random_market(260), alpha.labels.week
    rows = np.arange(260)
    fold = Fold("fold", rows[30:150], rows[160:190], rows[200:250])
    one = alpha.FeatureSet("one", {"R": "close / open"})
    days = Dataset.of(market, None, label, one, (fold,), False).days(fold, 2, 1)
    traded = pd.DataFrame(market.values("volume") > 0, market.dates, market.stocks)
    wanted = label.values(market).where(traded).mean(axis=1)
    np.testing.assert_allclose(days.y_mkt[30:200], wanted[30:200], atol=1e-6)
    assert float(days.batch(100, labelled=True).y_mkt) == pytest.approx(wanted.iloc[100], abs=1e-6)
    assert days.batch(100, labelled=False).y_mkt is None
    model = ADD(hidden=4, steps=2, augment=8).build(1)
    history = model.fit(alpha.Task(days, fold.train, fold.valid, replace(QUICK, every=10), 0))
    assert np.isfinite(history.to_numpy()).all()
    assert model.bounds[0] < model.bounds[1]


def test_settings_and_days_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="ADD: rounds is 0"):
        ADD(rounds=0)
    with pytest.raises(ValueError, match=r"balance is 1\.5"):
        ADD(balance=1.5)
    with pytest.raises(ValueError, match="no market returns"):
        network().prepare(task_of(replace(days_with_market(), y_mkt=None)))
