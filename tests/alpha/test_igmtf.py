"""IGMTF: which past days are read, by whom, and that none of them holds the answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import alpha
from alpha.models.igmtf import IGMTF
from alpha.nn.memory import DayBank
from alpha.windows import SlidingWindows
from tests.alpha.worlds import fused, make_days

QUICK = alpha.TrainConfig(epochs=2, every=1, patience=2, learning_rate=1e-2)


def network(**settings):
    torch.manual_seed(0)
    given = {"hidden": 6, "bank_days": 3, "neighbours": 4, "gap": 0, "steps": 2}
    return IGMTF(**(given | settings)).build(3)


def world(days=30, stocks=12):
    return make_days(days=days, stocks=stocks, features=3, steps=2)


def task_of(days, train=16, config=QUICK, **more):
    rows = days.servable(np.arange(len(days.dates)))
    return alpha.Task(days, rows[:train], rows[train + 2 :], config, 0, **more)


def ready(days=None, **settings):
    """An untrained network with a bank of the training days, in use."""
    found = world() if days is None else days
    model = network(**settings)
    model.prepare(task_of(found))
    return model.eval(), found


def score(model, batch):
    with torch.no_grad():
        return model.scores(batch)


def moved_windows(days, rows):
    """The same days with other features on the sessions ``rows``."""
    x = days.windows.x.copy()
    x[rows] = 3 - 2 * x[rows]
    return replace(days, windows=SlidingWindows(x, 0, days.windows.steps))


def test_the_score_is_own_state_beside_what_like_stocks_of_like_days_were():
    """Bank of the sessions 1 to 16; session 20 reads its 4 nearest stocks on 3 of these days."""
    model, days = ready()
    batch = days.batch(20, labelled=False)
    with torch.no_grad():
        h = model.states(batch.x)
        past = [model.states(days.batch(d, False).x).half().float() for d in range(1, 17)]
        alike = torch.stack([F.cosine_similarity(b.mean(0), h.mean(0), dim=0) for b in past])
        pool = model.answer(torch.cat([past[d] for d in alike.topk(3).indices]))
        cosine = F.cosine_similarity(model.ask(h)[:, None], pool[None], dim=2)
        near, index = cosine.topk(4, dim=1)
        found = (near[..., None] * pool[index]).sum(1) / 4
        wanted = model.head(torch.cat([h, found], dim=1))[:, 0]
    torch.testing.assert_close(score(model, batch), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("gap", [0, 3])
def test_a_training_day_cannot_read_a_bank_day_that_holds_its_label(gap):
    """The label of t is in every window that ends after t: none of these may move its score."""
    model, days = ready(gap=gap)
    before = score(model, days.batch(10, labelled=False))
    later, _ = ready(moved_windows(days, slice(11, None)), gap=gap)
    assert torch.equal(score(later, days.batch(10, labelled=False)), before)
    inside, _ = ready(moved_windows(days, slice(10 - gap, 11)), gap=gap)
    assert torch.equal(score(inside, days.batch(10, labelled=False)), before)
    older, _ = ready(moved_windows(days, slice(0, 10 - gap)), gap=gap)
    assert not torch.equal(score(older, days.batch(10, labelled=False)), before)


def test_a_day_does_not_find_itself():
    model, days = ready()
    bank = model._filled()
    batch = days.batch(16, labelled=False)
    with torch.no_grad():
        h = model.states(batch.x)
        own = bank.nearest(h.mean(0), batch.date.value, 16)
    assert len(own) == 15 * 12  # sessions 1 to 15
    distance = torch.cdist(h, own).min(dim=1).values
    assert (distance > 1e-3).all()  # half precision is finer


def test_the_last_session_of_the_days_is_open_to_none_of_them():
    days = world(days=17)
    model = network()
    model.prepare(alpha.Task(days, np.arange(1, 17), np.arange(1, 17), QUICK, 0))
    opens = model.source[2]
    assert opens[-1] > days.dates[-1].value
    assert (opens[:-1] == days.dates[2:].as_unit("ns").asi8).all()


def test_days_with_too_few_past_days_are_read_and_not_trained_on():
    model = network(bank_days=5, gap=2)
    task = task_of(world(), train=16)
    model.prepare(task)
    assert model._readable(task).tolist() == list(range(8, 17))  # session 8 reads 1 to 5
    with pytest.raises(
        ValueError, match="last of 6 training days has 3 days of the bank more than gap=2"
    ):
        model.fit(replace(task, train=task.train[:6]))


def test_without_a_bank_the_score_is_a_function_of_the_own_state():
    model, days = network().eval(), world()
    batch = days.batch(20, labelled=False)
    with torch.no_grad():
        h = model.states(batch.x)
        wanted = model.head(torch.cat([h, torch.zeros_like(h)], dim=1))[:, 0]
    assert torch.equal(score(model, batch), wanted)
    model.bank = DayBank.of([(0, torch.zeros(12, 6))])
    torch.nn.init.zeros_(model.answer.bias)
    torch.testing.assert_close(score(model, batch), wanted)


def test_a_bank_smaller_than_what_is_asked_for_is_read_whole():
    model, days = ready(bank_days=100, neighbours=1000)
    assert torch.isfinite(score(model, days.batch(20, labelled=False))).all()
    assert torch.isfinite(score(model, days.batch(2, labelled=False))).all()


def test_the_other_stocks_decide_which_days_are_read():
    model, days = ready(bank_days=1)
    batch = days.batch(20, labelled=False)
    x = batch.x.clone()
    x[1:] = x[1:] * -3
    assert not torch.equal(score(model, batch)[:1], score(model, replace(batch, x=x))[:1])


def test_a_test_day_does_not_hang_on_the_other_test_days():
    model, days = ready()
    whole = alpha.predict(model, days, np.arange(20, 30))
    alone = alpha.predict(model, days, np.array([27]))
    np.testing.assert_array_equal(whole.iloc[[7]], alone)


def test_the_bank_in_use_is_made_of_the_best_weights():
    model, days = network(), world()
    model.fit(task_of(days, config=replace(QUICK, epochs=5, patience=5, learning_rate=0.05)))
    with torch.no_grad():
        first = model.states(days.batch(1, labelled=False).x)
    bank = model._filled()
    torch.testing.assert_close(bank.states[:12].float(), first, rtol=2e-3, atol=1e-3)
    assert not bank.states.requires_grad
    fresh = network()
    fresh.load(model.state())
    batch = days.batch(25, labelled=False)
    assert torch.equal(score(fresh, batch), score(model, batch))


def test_the_bank_stays_as_it_is_within_an_epoch():
    model, days = network(), world()
    task = task_of(days)
    model.prepare(task)
    model.on_epoch_start(0, task)
    model.train()
    bank = model.bank
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1)
    model.loss(days.batch(12, labelled=True), alpha.losses.mse).backward()
    assert model.bank is bank
    model.eval()
    assert model._filled() is not bank


def test_absent_stocks_are_not_in_the_bank():
    made = world()
    made.present[5, :4] = False
    model, _ = ready(made)
    assert model._filled().sizes.tolist() == [12] * 4 + [8] + [12] * 11


def test_every_other_day_makes_half_a_bank():
    model, _ = ready(bank_every=2)
    assert len(model._filled().sizes) == 8


def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(tmp_path):
    config = replace(QUICK, epochs=3, patience=3)
    model, days = network(), world()
    model.fit(task_of(days, config=config))
    with pytest.raises(KeyboardInterrupt):
        fused(network(), 30).fit(task_of(days, config=config, checkpoint=tmp_path / "c.pt"))
    again = network()
    again.fit(task_of(days, config=config, checkpoint=tmp_path / "c.pt"))
    for name, value in model.state().items():
        assert torch.equal(value, again.state()[name]), name


def test_settings_out_of_range_are_refused():
    for name in ("mlp_layers", "bank_days", "neighbours", "bank_every"):
        with pytest.raises(ValueError, match=f"IGMTF: {name} is 0; it must be >= 1"):
            IGMTF(**{name: 0})
    with pytest.raises(ValueError, match="gap is -1"):
        IGMTF(gap=-1)
