"""What models tell beside their scores, and the edges they may read."""

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
    train="1y", valid="6m", test="6m", min_train="6m", start="2016-07-01", end="2016-12-30"
)
CONFIG = alpha.TrainConfig(epochs=1, every=8)
COMMON = {"label": alpha.labels.vwap_1, "splits": SPLITS, "config": CONFIG}


class Telling(GRUNetwork):
    """Tells its inputs of the day and the date, so that a test can say what must come back."""

    extras: ClassVar[tuple[str, ...]] = ("now", "date")

    def extra(self, batch):
        date = torch.full((len(batch.codes), 1), float(batch.date.toordinal()))
        return {"now": batch.x[:, -1], "date": date}


@dataclass(frozen=True)
class TellingRecipe(GRU):
    kind: type = Telling

    def build(self, features):
        return self.kind(self, features)


@dataclass(frozen=True)
class Telling8(GRU):
    def build(self, features):
        return Telling(self, features)


MODEL = Telling8(hidden=8, steps=4)


def test_extras_cover_validation_and_test_sessions_and_nothing_trained_on(toy):
    (result,) = alpha.fit(MODEL, toy, "half", **COMMON).folds
    (fold,) = SPLITS.folds(toy.dates, alpha.labels.vwap_1.horizon)
    unseen = toy.dates[np.concatenate([fold.valid, fold.test])]
    assert set(result.extras) == {"now", "date"}
    now, date = result.extras["now"], result.extras["date"]
    assert now.dates.equals(unseen)
    assert date.names == ("date00",)
    assert now.names == tuple(f"now{k:02d}" for k in range(20))
    # each row is that of its own session, NaN exactly where the stock was not there
    told = date.column("date00").dropna(how="all")
    ordinals = np.array([day.toordinal() for day in told.index], np.float32)
    present = told.notna().to_numpy()
    np.testing.assert_array_equal(
        told.to_numpy()[present], np.broadcast_to(ordinals[:, None], told.shape)[present]
    )
    traded = toy.field("close").loc[unseen, now.stocks].notna().to_numpy()
    np.testing.assert_array_equal(np.isfinite(now.values).all(axis=2), traded)


def test_extras_of_a_run_stay_on_disk_and_equal_those_in_memory(toy, tmp_path):
    (there,) = alpha.fit(MODEL, toy, "half", **COMMON).folds
    for found in (alpha.fit(MODEL, toy, "half", run=tmp_path, **COMMON), alpha.load(tmp_path)):
        (kept,) = found.folds
        for name, cube in there.extras.items():
            assert isinstance(kept.extras[name].values, np.memmap)
            np.testing.assert_array_equal(kept.extras[name].values, cube.values)
            assert kept.extras[name].dates.equals(cube.dates)
            assert list(kept.extras[name].stocks) == list(cube.stocks)
    assert Path(tmp_path / "2016-07-01-seed0" / "extra-now" / "values.npy").exists()


def test_a_model_without_extras_has_none(toy):
    (result,) = alpha.fit(alpha.LightGBM(rounds=2), toy, "half", **COMMON).folds
    assert result.extras == {}


class Silent(Telling):
    def extra(self, batch):
        return {"now": batch.x[:, -1, 0]}


def test_extras_of_another_shape_or_name_are_an_error(toy):
    with pytest.raises(ValueError, match=r"Silent.extra gave \{'now': \(\d+,\)\} on 2016-01-0"):
        alpha.fit(TellingRecipe(hidden=8, steps=4, kind=Silent), toy, "half", **COMMON)


# --- edges -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Ring:
    """Each stock hears from the one before it, as the whole market is ordered."""

    order: tuple[str, ...]

    def bind(self, dates, stocks):
        return BoundRing(pd.Index(self.order).get_indexer(stocks))


@dataclass(frozen=True, eq=False)
class BoundRing:
    place: np.ndarray

    def edges(self, row, columns):
        there = self.place[columns]
        at = {int(p): k for k, p in enumerate(there)}
        pairs = [(at[p - 1], k) for p, k in at.items() if p - 1 in at]
        return np.array(pairs, np.int64).reshape(-1, 2).T


class Hearing(Telling):
    """Tells each stock's first input and the sum of it over its neighbours."""

    needs = frozenset({"x", "y", "edges"})
    extras: ClassVar[tuple[str, ...]] = ("own", "heard")

    def extra(self, batch):
        own = batch.x[:, -1, :1]
        heard = torch.zeros_like(own).index_add_(0, batch.edges[1], own[batch.edges[0]])
        return {"own": own, "heard": heard}


def test_edges_reach_the_model_as_positions_in_the_batch(toy):
    recipe = TellingRecipe(hidden=8, steps=4, kind=Hearing)
    ring = Ring(tuple(toy.stocks))
    (result,) = alpha.fit(recipe, toy, "half", graph=ring, **COMMON).folds
    own = result.extras["own"].column("own00")
    heard = result.extras["heard"].column("heard00")
    before = own.shift(1, axis=1).where(own.notna())  # the neighbour's, nothing from an absent one
    pd.testing.assert_frame_equal(heard, before.fillna(0.0).where(own.notna()), check_names=False)


def test_a_model_that_reads_edges_wants_a_graph(toy):
    recipe = TellingRecipe(hidden=8, steps=4, kind=Hearing)
    with pytest.raises(
        ValueError, match=r"Hearing needs edges; give graph=alpha\.graphs\.industry"
    ):
        alpha.fit(recipe, toy, "half", **COMMON)


def test_a_graph_that_nothing_reads_changes_nothing(toy):
    ring = Ring(tuple(toy.stocks))
    with_graph = alpha.fit(MODEL, toy, "half", graph=ring, **COMMON)
    without = alpha.fit(MODEL, toy, "half", **COMMON)
    pd.testing.assert_frame_equal(with_graph.scores(), without.scores(), check_exact=True)


def test_a_run_belongs_to_its_graph_and_to_its_formulas(toy, tmp_path):
    small = alpha.FeatureSet("small", {"GAP": "open / close - 1", "MOVE": "close / lag(close, 1)"})
    ring = Ring(tuple(toy.stocks))
    more = {**COMMON, "features": small, "run": tmp_path}
    alpha.fit(MODEL, toy, "half", graph=ring, **more)
    with pytest.raises(ValueError, match="graph"):
        alpha.fit(MODEL, toy, "half", graph=Ring(tuple(toy.stocks[::-1])), **more)
    same_names = replace(small, formulas={**small.formulas, "GAP": "open / close - 2"})
    with pytest.raises(
        ValueError,
        match=r"features.formulas.GAP is 'open / close - 1' there and 'open / close - 2'",
    ):
        alpha.fit(MODEL, toy, "half", graph=ring, **{**more, "features": same_names})
    swapped = small.pick("small", ["MOVE", "GAP"])
    with pytest.raises(ValueError, match=r"features.names is \['GAP', 'MOVE'\] there"):
        alpha.fit(MODEL, toy, "half", graph=ring, **{**more, "features": swapped})
    cube = small.cube(toy)
    with pytest.raises(ValueError, match=r"features.class is 'alpha.features.feature_set"):
        alpha.fit(MODEL, toy, "half", graph=ring, **{**more, "features": cube})
