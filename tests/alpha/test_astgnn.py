"""ASTGNN: weak factors, their losses, bars by the step, and what the graph adds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import alpha
from alpha import losses
from alpha.models.astgnn import ASTGNN, standardised
from tests.alpha.worlds import make_days

EVERYONE = torch.ones(24, dtype=torch.bool)
SMALL = ASTGNN(hidden=8, weak=4, embedding=4, steps=4)
RING = torch.stack([torch.arange(24), (torch.arange(24) + 1) % 24])


def built(settings=SMALL, features=5, seed=0):
    torch.manual_seed(seed)
    return settings.build(features)


def day(features=5, labelled=True):
    return make_days(features=features).batch(20, labelled=labelled)


def test_factors_have_mean_zero_and_spread_one_and_the_score_is_their_mean():
    model, batch = built(), day()
    weak = model.extra(batch)["weak"]
    assert weak.shape == (24, 4)
    torch.testing.assert_close(weak.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(weak.std(dim=0, correction=0), torch.ones(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(model.scores(batch), weak.mean(dim=1))


def test_standardising_by_hand_leaves_the_absent_out():
    present = torch.tensor([True, True, True, False])
    found = standardised(torch.tensor([[1.0], [2.0], [3.0], [99.0]]), present)
    root = (1.5) ** 0.5
    torch.testing.assert_close(found[:3, 0], torch.tensor([-root, 0.0, root]), atol=1e-5, rtol=0)


def test_one_stock_scores_zero_and_a_constant_factor_is_not_noise():
    alone = torch.ones(1, dtype=torch.bool)
    assert (standardised(torch.randn(1, 4), alone) == 0).all()
    assert standardised(torch.full((24, 1), 7.0), EVERYONE).abs().max() < 1e-3


def test_absent_stocks_have_no_factors():
    model, batch = built(), day()
    present = torch.arange(24) % 3 > 0
    x = torch.where(present[:, None, None], batch.x, float("nan"))
    weak = model.extra(replace(batch, x=x, present=present))["weak"]
    assert torch.isnan(weak[~present]).all()
    assert torch.isfinite(weak[present]).all()


def test_the_loss_is_that_of_the_score_and_of_each_factor_and_the_penalty():
    model, batch = built(), day()
    weak = model.extra(batch)["weak"]
    single = [losses.ic(f, batch.y, batch.label_mask) for f in weak.T]
    expected = (
        losses.ic(weak.mean(dim=1), batch.y, batch.label_mask)
        + sum(single) / 4
        + 0.1 * losses.decorrelation(weak)
    )
    torch.testing.assert_close(model.loss(batch, losses.ic), expected)


def test_without_layers_a_stock_sees_the_others_only_through_the_standardising():
    """The order of two stocks by one factor cannot depend on a third one; with a graph it does."""
    batch = day()
    moved = replace(batch, x=batch.x.clone())
    moved.x[5:] *= -3.0
    for layers, same in ((0, True), (1, False)):
        model = built(replace(SMALL, layers=layers))
        before, after = (model.states(b.x) for b in (batch, moved))
        torch.testing.assert_close(before[:5], after[:5])
        raw = [model.factors(h, EVERYONE) for h in (before, after)]
        gaps = [f[:5] - f[:1] for f in raw]
        ratio = gaps[1][1:] / gaps[0][1:]  # one number a factor when only the scale moved
        assert bool((ratio.std(dim=0) < 1e-3).all()) == same


def test_each_step_of_bars_is_encoded_alone():
    settings = replace(SMALL, bars=5)
    model, batch = built(settings, 30), day(30)
    matrices = torch.stack([model.bars(batch.x[:, t]) for t in range(4)], dim=1)
    torch.testing.assert_close(model.states(batch.x), model.encoder(matrices))
    assert torch.isfinite(model.scores(batch)).all()


def test_a_window_of_bars_is_learnt():
    """The label is the last field of the first bar of the last step."""
    days = make_days(days=40, stocks=20, features=6, steps=2, target=lambda x: x[..., 2])
    torch.manual_seed(0)
    model = ASTGNN(bars=2, hidden=16, weak=4, embedding=4, steps=2).build(6)
    config = alpha.TrainConfig(epochs=8, every=1, learning_rate=2e-2)
    history = model.fit(alpha.Task(days, np.arange(1, 30), np.arange(30, 40), config, 0))
    assert history["valid"].max() > 0.8


def test_decorrelation_keeps_factors_apart():
    days = make_days(days=40, stocks=40, steps=1)
    found = {}
    for weight in (0.0, 5.0):
        torch.manual_seed(0)
        model = replace(SMALL, steps=1, decorrelation=weight).build(5)
        config = alpha.TrainConfig(epochs=4, every=1, learning_rate=1e-2)
        model.fit(alpha.Task(days, np.arange(30), np.arange(30, 40), config, 0))
        with torch.no_grad():
            found[weight] = losses.decorrelation(model.extra(days.batch(35, False))["weak"])
    assert found[5.0] < 0.5 * found[0.0]


def test_the_proximity_loss_reads_edges_and_scoring_does_not():
    settings = replace(SMALL, proximity=2.0)
    plain, near = built(), built(settings)
    assert near.needs - plain.needs == {"edges"}
    batch = replace(day(), edges=RING)
    added = near.loss(batch, losses.ic) - plain.loss(batch, losses.ic)
    states = near.states(batch.x)
    torch.testing.assert_close(added, 2.0 * losses.proximity(states, RING))
    torch.testing.assert_close(near.scores(day(labelled=False)), plain.scores(batch))
    with pytest.raises(ValueError, match=r"no edges.*alpha\.graphs\.industry"):
        near.loss(day(), losses.ic)


def test_the_proximity_loss_leaves_the_absent_out():
    near, batch = built(replace(SMALL, proximity=2.0, decorrelation=0.0)), day()
    present = torch.arange(24) < 20
    chain = RING[:, :19]  # 0 -> 1 -> .. -> 19
    padded = replace(batch, edges=RING, present=present, label_mask=present)
    cut = replace(
        batch, x=batch.x[:20], y=batch.y[:20], label_mask=EVERYONE[:20], present=EVERYONE[:20],
        codes=batch.codes[:20], edges=chain,
    )  # fmt: skip
    torch.testing.assert_close(near.loss(padded, losses.ic), near.loss(cut, losses.ic))


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="weak is 0"):
        ASTGNN(weak=0)
    with pytest.raises(ValueError, match=r"proximity -1\.0"):
        ASTGNN(proximity=-1.0)
    with pytest.raises(ValueError, match=r"30 features, which is no matrix of bars=4"):
        ASTGNN(bars=4).build(30)
