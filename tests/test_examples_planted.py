"""What was planted for relational models, and the script that measures who finds it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alpha
from examples import planted_parts

SMALL = ["--parts", "spillover", "--models", "GCN", "--worlds", "1", "--stocks", "120"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = tmp_path_factory.mktemp("planted")
    return run, planted_parts.main([*SMALL, "--run", str(run)])


def test_a_graph_finds_the_spillover_that_its_twin_does_not(finished):
    """Over three worlds of 200 stocks the margin is 0.071 +- 0.008."""
    _, table = finished
    (found,) = table.to_dict("records")
    assert found["GCN"] > found["GRU"] + 0.03
    assert found["GCN"] < found["truth"] + 0.01  # nobody can know more than was planted


@pytest.mark.slow
def test_a_router_of_whole_days_tells_from_past_errors_whether_the_factor_is_paid(tmp_path):
    """Over three worlds of 200 stocks 0.126 against 0.012 of the twin, where 0.155 is planted."""
    call = ["--parts", "signs", "--models", "TRA by days", "--worlds", "1", "--stocks", "120"]
    (found,) = planted_parts.main([*call, "--run", str(tmp_path)]).to_dict("records")
    assert found["TRA by days"] > found["GRU"] + 0.05
    assert found["TRA by days"] < found["truth"] + 0.01


def test_a_second_run_reads_what_is_there(finished):
    run, table = finished
    before = {p: p.stat().st_mtime_ns for p in run.glob("*.json")}
    assert len(before) == 3
    pd.testing.assert_frame_equal(planted_parts.main([*SMALL, "--run", str(run)]), table)
    assert {p: p.stat().st_mtime_ns for p in run.glob("*.json")} == before
    file = next(run.glob("*-GCN.json"))
    kept = file.read_text(encoding="utf-8")
    file.write_text(kept.replace("hidden=16", "hidden=8"), encoding="utf-8")
    with pytest.raises(ValueError, match="use another --run"):
        planted_parts.main([*SMALL, "--run", str(run)])
    file.write_text(kept, encoding="utf-8")


def test_the_margin_and_its_error_by_hand():
    """Twin 1, 2, 3 and model 2, 4, 3: differences 1, 2, 0, their standard error 1 / sqrt(3)."""
    values = {("GRU", w): w for w in (1.0, 2.0, 3.0)} | {
        ("X", 1.0): 2.0,
        ("X", 2.0): 4.0,
        ("X", 3.0): 3.0,
    }
    index = pd.MultiIndex.from_tuples(
        [("part", w, m) for m, w in values], names=["part", "world", "model"]
    )
    row = planted_parts.margins(pd.Series(list(values.values()), index)).loc[("part", "X")]
    assert row["rank_ic"] == pytest.approx(3.0)
    assert row["margin"] == pytest.approx(1.0)
    assert row["error"] == pytest.approx(1 / np.sqrt(3))
    assert (row["worlds better"], row["worlds"]) == (2, 3)


def test_the_average_of_similar_stocks_knows_more_than_own_moves_and_less_than_the_truth():
    world = planted_parts.similar_world(seed=1, stocks=120)
    label = alpha.labels.week.values(world.market)
    traits, recent = np.split(world.features.values[..., [0, 1, 2, 3, 5]], [4], axis=2)
    assert world.features.names[5] == "recent"
    assert (traits[5] == traits[600]).all()
    near = np.exp(6.0 * traits[5] @ traits[5].T)
    own = pd.DataFrame(recent[..., 0], label.index, label.columns)
    average = own @ pd.DataFrame(near / near.sum(axis=0), label.columns, label.columns)
    found = [
        alpha.evaluate.rank_ic(scores.iloc[100:], label).mean()
        for scores in (own, average, world.truth)
    ]
    assert found[0] + 0.03 < found[1] < found[2] - 0.03


def test_every_model_is_named_for_a_part_and_gets_what_it_needs():
    for name, part in planted_parts.PARTS.items():
        assert part.models, name
        needs = {n for recipe in part.models.values() for n in recipe.build(6).needs}
        assert ("edges" in needs) == (name == "spillover")
        assert ("concepts" in needs) == (name == "concept")
        assert ("memory" in needs) == (name in ("regime", "signs"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--parts", "luck"], "invalid choice: 'luck'"),
        (["--models", "Oracle"], "invalid choice: 'Oracle'"),
        (["--worlds", "0"], "--worlds is 0"),
    ],
)
def test_options_that_cannot_be_read_are_refused_at_once(capsys, wrong, message):
    with pytest.raises(SystemExit):
        planted_parts.parse(wrong)
    assert message in capsys.readouterr().err
