"""Attributions that survive the disk."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from backtest import FixedWeights, attribution, load, run
from market import DataError, Target
from tests.backtest.attributed import Always, model_of, random_factors
from tests.backtest.worlds import random_targets, random_world


@pytest.fixture(scope="module")
def made():
    world = random_world(9, days=60)
    world = type(world)(
        world.dates,
        world.stocks,
        {**{name: world.values(name) for name in world.fields},
         "industry": np.zeros(world.values("close").shape, np.int8)},
        securities=world.securities,
        categories={"industry": ("all",)},
        venue=world.venue,
    )  # fmt: skip
    targets = random_targets(world, 9)
    fixed = FixedWeights(targets)
    result = run(
        world,
        lambda s: Target(fixed(s), {"price.turnover": 0.01, "expected_return": 0.001}),
        benchmark="half",
        schedule=targets.index,
    )
    return {
        "costs": attribution.costs(result, world),
        "factor": attribution.factor(result, world, random_factors(world, 9)),
        "brinson": attribution.brinson(result, world),
        "limits": attribution.limits(result, {"turnover": 0.2}),
        "risk": attribution.risk(result, world, Always(model_of(world.stocks, 9))),
    }


@pytest.mark.parametrize("name", ["costs", "factor", "brinson", "limits", "risk"])
def test_what_is_loaded_is_bit_equal(made, name, tmp_path):
    one = made[name]
    two = attribution.load(attribution.save(one, tmp_path / name))
    assert type(two) is type(one)
    for f in fields(one):
        here, there = getattr(one, f.name), getattr(two, f.name)
        if isinstance(here, pd.DataFrame):
            pd.testing.assert_frame_equal(here, there, check_freq=False, check_exact=True)
        elif isinstance(here, pd.Series):
            pd.testing.assert_series_equal(here, there, check_freq=False, check_exact=True)
        else:
            assert here == there or (np.isnan(here) and np.isnan(there))
    assert repr(one) == repr(two)


def test_saving_again_replaces_and_a_folder_of_another_kind_is_kept(made, tmp_path):
    attribution.save(made["costs"], tmp_path / "a")
    attribution.save(made["limits"], tmp_path / "a")
    assert isinstance(attribution.load(tmp_path / "a"), attribution.LimitAttribution)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    (tmp_path / "notes").mkdir()
    with pytest.raises(FileExistsError, match=r"holds no attribution\.json"):
        attribution.save(made["costs"], tmp_path / "notes")
    with pytest.raises(DataError, match=r"holds no attribution\.json"):
        attribution.load(tmp_path / "notes")
    head = tmp_path / "a" / "attribution.json"
    head.write_text(head.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(DataError, match="has format 9, this version reads 1"):
        attribution.load(tmp_path / "a")


def test_a_loaded_result_is_taken_apart_bit_for_bit_like_the_one_saved(tmp_path):
    world = random_world(3, days=60)
    targets = random_targets(world, 3)
    result = run(world, FixedWeights(targets), benchmark="half", schedule=targets.index)
    again = load(result.save(tmp_path / "run"))
    one, two = (attribution.costs(r, world).daily for r in (result, again))
    pd.testing.assert_frame_equal(one, two, check_exact=True, check_freq=False)
