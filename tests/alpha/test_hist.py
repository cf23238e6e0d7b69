"""HIST: its three parts, its variants, and the concepts a fit gives it."""

import json
import re
from dataclasses import replace
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

import alpha
from alpha.graphs import Concepts
from alpha.models.hist import HIST
from alpha.nn.concepts import among, count_of, member_read
from market import simulate
from tests.alpha.worlds import make_days, random_market

X = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
MEMBERS = torch.tensor([[0, 1, 1, 2], [0, 0, 1, 1]])


def network(**settings):
    torch.manual_seed(0)
    return HIST(**({"hidden": 6, "steps": 4} | settings)).build(5).eval()


def day(n=7, seed=0, members=None):
    rng = np.random.default_rng(seed)
    batch = make_days(stocks=n, seed=seed).batch(20, labelled=True)
    if members is None:
        members = np.stack([np.arange(n), np.arange(n) % 3])
    value = torch.from_numpy(rng.uniform(1e9, 9e9, n).astype(np.float32))
    return replace(batch, concepts=torch.as_tensor(members), mktcap=value)


@pytest.mark.parametrize("variant", ["paper", "repo", "qlib"])
def test_the_parts_read_what_the_one_before_left_over(variant):
    model, batch = network(variant=variant), day()
    x0 = model.encoder(batch.x)
    back0, fore0 = model.first(x0, model.predefined(x0, batch.concepts, batch.mktcap))
    x1 = x0 - back0
    back1, fore1 = model.second(x1, model.hidden(x1))
    own = F.leaky_relu(model.own(x1 - back1))
    torch.testing.assert_close(model(batch.x, batch), model.head(fore0 + fore1 + own)[:, 0])
    torch.testing.assert_close(back0 + x1, x0)


def test_the_shared_part_of_the_paper_and_of_the_ports():
    for variant in ("paper", "repo"):
        part, x = network(variant=variant).first, torch.randn(4, 6)
        shared = part.share(x.mean(dim=0)).expand(4, 6)  # one concept: all read it
        shared = F.leaky_relu(shared) if variant == "paper" else shared
        back, fore = part(x, x.mean(dim=0, keepdim=True))
        torch.testing.assert_close(back, part.back(shared))
        torch.testing.assert_close(fore, F.leaky_relu(part.fore(shared)))


def test_the_variants_are_different_networks():
    scores = {}
    for variant in ("paper", "repo", "qlib"):
        model = network(variant=variant)
        shared = {name: p for name, p in model.named_parameters() if "project" not in name}
        torch.manual_seed(1)
        for p in shared.values():
            torch.nn.init.normal_(p, std=0.5)
        scores[variant] = model(day().x, day())
    assert not torch.allclose(scores["paper"], scores["repo"])
    assert not torch.allclose(scores["repo"], scores["qlib"])


def test_market_values_matter_to_the_paper_and_not_to_the_qlib_port():
    batch = day()
    larger = replace(batch, mktcap=batch.mktcap * torch.tensor([50.0] + [1.0] * 6))
    paper, qlib = network(), network(variant="qlib")
    assert not torch.allclose(paper(batch.x, batch), paper(batch.x, larger))
    assert torch.equal(qlib(batch.x, batch), qlib(batch.x, replace(batch, mktcap=None)))
    assert "mktcap" not in qlib.needs
    twice = replace(batch, mktcap=2 * batch.mktcap)  # shares of a concept have no unit
    torch.testing.assert_close(paper(batch.x, batch), paper(batch.x, twice))


def test_a_concept_whose_members_are_all_absent_is_no_concept():
    model = network()
    members = np.stack([np.arange(7), np.array([0, 0, 0, 1, 1, 5, 5])])
    batch = day(members=members)
    present = torch.tensor([True] * 5 + [False] * 2)
    hidden = replace(batch, present=present)
    kept = batch.concepts[:, :5]
    gone = replace(
        batch,
        x=batch.x[:5], present=present[:5], concepts=kept, mktcap=batch.mktcap[:5],
    )  # fmt: skip
    assert count_of(among(batch.concepts, present)) == 2
    torch.testing.assert_close(model.scores(hidden)[:5], model.scores(gone))


@pytest.mark.parametrize("variant", ["paper", "repo", "qlib"])
def test_a_day_without_memberships_and_a_lone_stock_are_scored(variant):
    model = network(variant=variant)
    nothing = day(members=np.zeros((2, 0), np.int64))
    assert torch.isfinite(model.scores(nothing)).all()
    alone = model.scores(day(n=1, members=np.zeros((2, 0), np.int64)))
    x = model.encoder(day(n=1).x)
    torch.testing.assert_close(alone, model.head(F.leaky_relu(model.own(x)))[:, 0])


def test_a_stock_may_be_confined_to_its_own_concepts():
    concepts = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    read = member_read(X, concepts, MEMBERS)
    share = torch.softmax(torch.tensor([0.0, 1.0]), dim=0)  # cosines of stock 1 with both
    torch.testing.assert_close(read[[0, 2]], concepts)
    torch.testing.assert_close(read[1], share @ concepts)
    nobody = member_read(torch.cat([X, X[:1]]), concepts, MEMBERS)[3]
    assert not nobody.any()
    model, batch = network(own_concepts=True, links=2), day()
    moved = replace(batch, concepts=torch.stack([batch.concepts[0], (batch.concepts[1] + 1) % 3]))
    torch.testing.assert_close(model(batch.x, moved), model(batch.x, batch))  # names do not matter
    other = replace(batch, concepts=torch.stack([batch.concepts[0], batch.concepts[0] // 3]))
    assert not torch.allclose(model(batch.x, other), model(batch.x, batch))


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="variant 'Qlib' is unknown"):
        HIST(variant="Qlib")
    with pytest.raises(ValueError, match="links 0 must be >= 1"):
        HIST(links=0)
    with pytest.raises(
        ValueError, match="2020-01-29 has no concepts or no market values"
    ) as refusal:
        network().scores(make_days().batch(20, labelled=False))
    advice = re.findall(r"alpha\.([\w.]+)", str(refusal.value))
    assert advice == ["graphs.Concepts.from_frame", "graphs.Concepts.from_labels"]
    assert all(callable(attrgetter(name)(alpha)) for name in advice)


@pytest.fixture(scope="module")
def world():
    return simulate(stocks=40, days=300)


def quick(market, recipe=None, **settings):
    recipe = recipe or HIST(hidden=4, steps=2)
    start = f"{market.dates[200]:%Y-%m}-01"
    return alpha.fit(
        recipe, market, features=alpha.FeatureSet("one", {"R": "close / lag(close, 1)"}),
        splits=alpha.WalkForward(train="6m", valid="3m", test="3m", min_train="6m", start=start),
        config=alpha.TrainConfig(epochs=1, every=20, valid_every=10), **settings,
    )  # fmt: skip


def labels_of(market, groups=4):
    codes = np.tile(np.arange(len(market.stocks)) % groups, (len(market.dates), 1))
    return pd.DataFrame(codes, index=market.dates, columns=market.stocks)


def test_a_fit_takes_concepts_and_remembers_whether_they_were_point_in_time(world, tmp_path):
    fitted = quick(world, concepts=Concepts.from_labels(labels_of(world)), run=tmp_path / "a")
    assert fitted.scores().notna().to_numpy().any()
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert config["concepts"]["point_in_time"] is True
    table = pd.DataFrame({"stock": world.stocks, "concept": "all"})
    with pytest.warns(UserWarning, match="no history"):
        snapshot = Concepts.from_frame(table, world.stocks, point_in_time=False)
    quick(world, concepts=snapshot, run=tmp_path / "b")
    config = json.loads((tmp_path / "b" / "config.json").read_text())
    assert config["concepts"]["point_in_time"] is False


def test_new_sessions_are_scored_with_the_concepts_given_then(world, tmp_path):
    concepts = Concepts.from_labels(labels_of(world))
    quick(world.until(world.dates[280]), concepts=concepts, run=tmp_path)
    read = alpha.load(tmp_path)
    with pytest.raises(ValueError, match="HISTNetwork needs concepts"):
        read.update(world)
    longer = read.update(world, concepts=concepts).scores()
    assert longer.index[-1] == world.dates[-1]
    assert longer.iloc[-1].notna().sum() > 20


def test_a_fit_without_concepts_or_market_values_says_what_to_give(world):
    with pytest.raises(
        ValueError, match=r"HISTNetwork needs concepts; give concepts=alpha\.graphs"
    ):
        quick(world)
    poor = random_market(300, stocks=24)
    concepts = Concepts.from_labels(labels_of(poor))
    with pytest.raises(ValueError, match="HISTNetwork needs mktcap; give a market with"):
        quick(poor, concepts=concepts)
    assert quick(poor, HIST(hidden=4, steps=2, variant="qlib"), concepts=concepts).folds


def test_market_values_are_those_of_the_day_and_the_unknown_ones_its_median():
    known = np.array([3.0, np.nan, 5.0, 1.0], np.float32)
    days = make_days(stocks=4)
    later = np.full((len(days.dates), 4), 7.0, np.float32)
    later[20] = known
    batch = replace(days, mktcap=later).batch(20, labelled=False)
    assert batch.mktcap.tolist() == [3.0, 3.0, 5.0, 1.0]
