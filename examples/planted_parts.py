"""Does a relational model find what was planted for it? Its margin over a twin that sees no relation.

    python examples/planted_parts.py                              # every part, three worlds, ten CPU minutes
    python examples/planted_parts.py --parts spillover --worlds 5 --run runs/planted

In the worlds of a part nothing else can be foreseen:

- ``spillover``: moves reach a stock's customers late; the supply chain is given as edges,
- ``concept``: stocks drift after news of their concepts, which are given,
- ``regime``: own moves go on in one hidden state of the market and revert in the other,
- ``signs``: a factor is paid in one hidden state and costs in the other; in both parts the past errors of two
  predictors tell which state holds,
- ``similar``: what stocks of similar traits have in common drifts on, hidden in the noise of each; the
  traits are features and no edges are given.

``truth`` is the planted alpha itself, the most that anybody can know. Each (part, world, model) is a file in
RUN, which is read when it is there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import alpha
import market
from alpha.settings import plain
from market.run_files import measured_once

Array = NDArray[np.floating]

FIRST = 11  # seed of the first world
TWIN = "GRU"
DECAY = 0.8  # of what similar stocks have in common, a session
SHARE = 0.05  # of the variance of a move
TRAITS = 4
SMALL = {"hidden": 16, "steps": 1}
YEAR = alpha.WalkForward(
    train="14m", valid="4m", test="9m", min_train="1y", start="2017-11-01", end="2018-07-30"
)


@dataclass(frozen=True, eq=False)
class World:
    """A market, what models read of it, and what nobody can know better."""

    market: market.Market
    features: alpha.FeatureCube
    truth: pd.DataFrame
    graph: alpha.graphs.Graph | None = None
    concepts: alpha.graphs.Concepts | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """Worlds by seed and number of stocks, the models that are to find the part, and their training."""

    world: Callable[[int, int], World]
    models: Mapping[str, alpha.Recipe]
    config: alpha.TrainConfig
    splits: alpha.WalkForward = YEAR

    def recipe(self, model: str) -> alpha.Recipe | None:
        """Settings of a model by its name; the truth has none."""
        return alpha.GRU(**SMALL) if model == TWIN else self.models.get(model)


def main(argv: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the mean RankIC of the test sessions: rows part and world, a column a model."""
    options = parse(argv)
    found = {}
    for name in options.parts:
        for seed in range(FIRST, FIRST + options.worlds):
            for model, measured in measures(name, seed, options).items():
                found[name, seed, model] = measured
    table = pd.Series(found).rename_axis(["part", "world", "model"])
    print(margins(table).round(4).to_string())
    return table.unstack("model")


def measures(name: str, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """RankIC of every model in one world; the world is made where a file is missing."""
    part, found = PARTS[name], {}
    world = cache(lambda: part.world(seed, options.stocks))
    wanted = [model for model in part.models if not options.models or model in options.models]
    for model in (TWIN, *wanted, "truth"):
        file = options.run / f"{name}-{options.stocks}-{seed}-{model.replace(' ', '-')}.json"
        settings = {
            "model": str(part.recipe(model)),
            "training": f"{plain(part.config)} {part.splits}",
        }

        def work(model: str = model) -> dict[str, float]:
            planted = model == "truth"
            found = truth(part, world()) if planted else fitted(part, model, world(), seed)
            return {"rank_ic": found}

        found[model] = measured_once(file, settings, work)["rank_ic"]
    return found


def fitted(part: Part, model: str, world: World, seed: int) -> float:
    """Mean RankIC of the test sessions of a model."""
    recipe = part.recipe(model)
    needs = recipe.build(len(world.features.names)).needs
    fit = alpha.fit(
        recipe, world.market, features=world.features, splits=part.splits, config=part.config,
        graph=world.graph if "edges" in needs else None,
        concepts=world.concepts if "concepts" in needs else None, seeds=(seed,),
    )  # fmt: skip
    return float(fit.rank_ic().mean())


def truth(part: Part, world: World) -> float:
    """Mean RankIC of the planted alpha over the same sessions."""
    label = alpha.labels.week
    tested = part.splits.folds(world.market.dates, label.horizon)[0].test
    planted = world.truth.iloc[tested]
    return float(alpha.evaluate.rank_ic(planted, label.values(world.market)).mean())


def margins(table: pd.Series) -> pd.DataFrame:
    """RankIC and margin over the twin, mean and standard error over worlds, by part and model."""
    rows = {}
    for (part, model), values in table.groupby(level=["part", "model"], sort=False):
        worlds = values.droplevel(["part", "model"])
        more = worlds - table.xs((part, TWIN), level=("part", "model"))
        error = more.std() / np.sqrt(len(more))
        rows[part, model] = {
            "rank_ic": worlds.mean(),
            "margin": more.mean(),
            "error": error,
            "worlds better": (more > 0).sum(),
            "worlds": len(more),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["part", "model"])


def simulated(part: str, seed: int, stocks: int, days: int, rank_ic: float) -> market.Market:
    """A market with one part of the alpha."""
    return market.simulate(stocks=stocks, days=days, seed=seed, rank_ic=rank_ic, parts=(part,))


def planted(world: market.Market, part: str) -> pd.DataFrame:
    """The alpha of a part."""
    return framed(world.truth.alpha[part], world)


def own_moves(world: market.Market) -> pd.DataFrame:
    """Returns less the day's mean, in units of the stock's own volatility; NaN where it has none."""
    moves = world.returns()
    moves = moves.sub(moves.mean(axis=1), axis=0)
    return (moves / moves.rolling(60, min_periods=20).std()).clip(-4, 4)


def past(moves: pd.DataFrame, weights: Mapping[str, float]) -> alpha.FeatureCube:
    """Today's moves and decayed averages of the past ones, by the weight of the newest."""
    known = moves.fillna(0.0)
    averages = {k: known.ewm(alpha=w).mean().where(moves.notna()) for k, w in weights.items()}
    return alpha.FeatureCube.from_frames({"move": moves, **averages})


def spillover_world(seed: int, stocks: int) -> World:
    """Suppliers' moves are heard over days."""
    world = simulated("spillover", seed, stocks, 640, 0.2)
    ends = pd.DataFrame(world.stocks.to_numpy()[world.truth.edges].T, columns=["source", "target"])
    ends = ends.drop_duplicates().assign(since=world.dates[0])
    chain = alpha.graphs.Relations.from_frame(ends, world.stocks, undirected=False)
    features = past(own_moves(world), {"recent": 0.2})
    return World(world, features, planted(world, "spillover"), graph=chain)


def concept_world(seed: int, stocks: int) -> World:
    """News of a concept moves its members on the day and for days afterwards."""
    world = simulated("concept", seed, stocks, 640, 0.15)
    stock, concept = np.nonzero(world.truth.concepts)
    table = pd.DataFrame(
        {"stock": world.stocks[stock], "concept": concept, "since": world.dates[0]}
    )
    returns = {f"R{k}": f"close / lag(close, {k}) - 1" for k in (1, 2, 3, 5, 10, 20)}
    return World(
        world, alpha.FeatureSet("returns", returns).cube(world), planted(world, "concept"),
        concepts=alpha.graphs.Concepts.from_frame(table, world.stocks),
    )  # fmt: skip


def regime_world(seed: int, stocks: int) -> World:
    """Moves of weeks go on in one state and revert in the other; a state lasts sixty sessions."""
    world = simulated("regime", seed, stocks, 1215, 0.2)
    features = past(own_moves(world), {"week": 0.2, "weeks": 0.07})
    return World(world, features, planted(world, "regime"))


def similar_world(seed: int, stocks: int) -> World:
    """What similar stocks have in common drifts on, and moves a stock by a twentieth of its variance.

    Nobody sees it: a stock's own moves are mostly noise, and an average over those like it is less so.
    """
    chance, days = np.random.default_rng(seed), 680
    traits = chance.normal(size=(stocks, TRAITS))
    traits /= np.linalg.norm(traits, axis=1, keepdims=True)
    near = np.exp(6.0 * traits @ traits.T)  # cosines: the nearest tenth have half of the weight
    common = chance.normal(size=(days, stocks)) @ (near / np.linalg.norm(near, axis=0))
    noise = chance.standard_t(5, size=(days, stocks)) * np.sqrt(3 / 5)
    returns = np.sqrt(SHARE) * common + np.sqrt(1.0 - SHARE) * noise
    drift = np.zeros((days, stocks))
    for t in range(1, days):
        returns[t] += 0.3 * np.sqrt(1.0 - DECAY**2) * drift[t - 1]
        drift[t] = DECAY * drift[t - 1] + common[t]
    returns -= returns.mean(axis=1, keepdims=True)
    world = market_of(returns)
    seen = framed(returns, world)
    columns = {f"trait{k}": seen * 0.0 + traits[:, k] for k in range(TRAITS)}
    columns |= {"move": seen, "recent": seen.ewm(alpha=1.0 - DECAY).mean()}
    return World(world, alpha.FeatureCube.from_frames(columns), framed(drift, world))


def signs_world(seed: int, stocks: int) -> World:
    """A factor is paid in one state and costs in the other; each lasts 30 to 70 sessions."""
    chance, days = np.random.default_rng(seed), 1100
    lengths = chance.integers(30, 70, size=days // 30)
    signs = np.repeat(1.0 - 2.0 * (np.arange(len(lengths)) % 2), lengths)[:days]
    factor = chance.normal(size=(days, stocks))
    for t in range(1, days):
        factor[t] = 0.97 * factor[t - 1] + np.sqrt(1.0 - 0.97**2) * factor[t]
    drift = 0.2 / np.sqrt(5) * signs[:, None] * factor
    returns = chance.standard_t(5, size=(days, stocks)) * np.sqrt(3 / 5)
    returns[1:] += drift[:-1]
    world = market_of(returns)
    columns = {"factor": framed(factor, world), "move": framed(returns, world)}
    return World(world, alpha.FeatureCube.from_frames(columns), framed(drift, world))


def market_of(returns: Array) -> market.Market:
    """Prices that move by ``returns`` ``[T, N]`` times two hundredths."""
    dates = pd.bdate_range("2016-01-04", periods=len(returns))
    names = pd.Index([f"SH{600000 + k}" for k in range(returns.shape[1])], name="stock")
    close = (10.0 * np.exp(0.02 * np.cumsum(returns, axis=0))).astype(np.float32)
    fields = dict.fromkeys(("open", "high", "low", "close", "vwap"), close)
    fields["volume"] = np.full(close.shape, 1e3, np.float32)
    return market.Market(dates, names, fields)


def framed(values: Array, world: market.Market) -> pd.DataFrame:
    """By session and stock."""
    return pd.DataFrame(values, world.dates, world.stocks)


QUICK = {"epochs": 15, "patience": 15, "every": 2, "valid_every": 3, "device": "cpu"}
BY_ERRORS = {"predictors": 2, "info": "errors", "length": 10, "pretrain": 3}
SWITCHING = {
    "TRA by days": alpha.TRA(alpha.GRU(**SMALL), memory="day", **BY_ERRORS),
    "TRA by stocks": alpha.TRA(alpha.GRU(**SMALL), **BY_ERRORS),
}
SQUARED = alpha.TrainConfig(  # the transport shares out by squared errors
    learning_rate=1e-2, loss=alpha.losses.mse, **(QUICK | {"epochs": 8, "patience": 8})
)
SPELLS = alpha.WalkForward(train="2y", valid="1y", test="2y", start="2019-01-01")
PARTS = {
    "spillover": Part(
        spillover_world,
        {
            "GCN": alpha.GCN(layers=1, rule="row", **SMALL),
            "GAT": alpha.GAT(self_loop=False, **SMALL),
            "GraphSAGE": alpha.GraphSAGE(layers=1, samples=None, **SMALL),
            "RSR uniform": alpha.RSR("uniform", cell="gru", **SMALL),
            "RSR implicit": alpha.RSR("implicit", cell="gru", **SMALL),
        },
        alpha.TrainConfig(learning_rate=1e-2, **QUICK),
    ),
    "concept": Part(
        concept_world,
        {
            "HIST": alpha.HIST(**SMALL),
            "HIST qlib": alpha.HIST(variant="qlib", **SMALL),
            "HIST qlib own": alpha.HIST(variant="qlib", own_concepts=True, **SMALL),
        },
        alpha.TrainConfig(learning_rate=5e-3, **QUICK),
    ),
    "regime": Part(regime_world, SWITCHING, SQUARED, SPELLS),
    "signs": Part(signs_world, SWITCHING, SQUARED, SPELLS),
    "similar": Part(
        similar_world,
        {
            "ASTGNN": alpha.ASTGNN(weak=8, embedding=8, temperature=1.0, hidden=32, steps=1),
            "ASTGNNFactors": alpha.ASTGNNFactors(
                sequence=TRAITS, modes=("add", "add"), factors=8, width=16, temperature=1.0,
                dropout=0.0, **SMALL,
            ),
        },
        alpha.TrainConfig(learning_rate=1e-2, **QUICK),
    ),
}  # fmt: skip


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    known = [model for part in PARTS.values() for model in part.models]
    parser.add_argument("--models", nargs="+", choices=known, help="of these parts; all of them")
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--stocks", type=int, default=200)
    parser.add_argument(
        "--run", type=Path, default=Path("runs/planted"), help="where results are kept"
    )
    options = parser.parse_args(argv)
    if options.worlds < 1:
        parser.error(f"--worlds is {options.worlds}; one at least, three for a standard error")
    return options


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:  # wrong options: the message says what to do
        raise SystemExit(f"error: {error}") from error
