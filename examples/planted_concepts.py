"""Does HIST find the alpha that the simulator plants in concepts? Margin over a GRU on equal inputs.

    python examples/planted_concepts.py                  # three worlds, about 100 CPU seconds
    python examples/planted_concepts.py --worlds 5 --models GRU HIST

In each simulated market the only alpha is the drift of stocks after news of their concepts. Beside the
models stand two yardsticks: the planted alpha itself, and the past returns of the members of a stock's
concepts, decayed as the simulator does, which is about what can be known.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd

import alpha
import market

DECAY = 0.85  # of the planted part, a session
MODELS = {
    "GRU": alpha.GRU(hidden=16, steps=1),
    "HIST": alpha.HIST(hidden=16, steps=1),
    "HIST sharp": alpha.HIST(hidden=16, steps=1, temperature=0.1),
    "HIST qlib": alpha.HIST(hidden=16, steps=1, variant="qlib"),
    "HIST qlib own": alpha.HIST(hidden=16, steps=1, variant="qlib", own_concepts=True),
}
RETURNS = alpha.FeatureSet(
    "returns", {f"R{k}": f"close / lag(close, {k}) - 1" for k in (1, 2, 3, 5, 10, 20)}
)
CONFIG = alpha.TrainConfig(
    epochs=15, patience=15, every=2, valid_every=3, learning_rate=5e-3, device="cpu"
)
SPLITS = alpha.WalkForward(
    train="14m", valid="4m", test="9m", min_train="1y", start="2017-11-01", end="2018-07-30"
)


def main(argv: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the mean RankIC of the test sessions, one row a world."""
    options = parse(argv)
    rows = {}
    for seed in range(options.worlds):
        world = market.simulate(
            stocks=options.stocks, days=640, seed=11 + seed, rank_ic=0.15, parts=("concept",)
        )
        concepts = known_concepts(world)
        fits = {
            name: alpha.fit(
                MODELS[name], world, features=RETURNS, splits=SPLITS, config=CONFIG,
                seeds=(seed,), concepts=concepts,
            )
            for name in options.models
        }  # fmt: skip
        tested = fits[options.models[0]].label
        found = {
            name: alpha.evaluate.rank_ic(f.scores(), tested).mean() for name, f in fits.items()
        }
        marks = {name: frame.loc[tested.index] for name, frame in yardsticks(world).items()}
        found |= {name: alpha.evaluate.rank_ic(f, tested).mean() for name, f in marks.items()}
        rows[11 + seed] = found
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("world")
    print(table.round(4).to_string())
    print(f"\nmargin over {options.models[0]}, mean and standard error over worlds")
    margin = table.iloc[:, 1:].sub(table.iloc[:, 0], axis=0)
    error = margin.std() / np.sqrt(len(margin))
    print(pd.DataFrame({"margin": margin.mean(), "error": error}).round(4).to_string())
    return table


def known_concepts(world: market.Market) -> alpha.graphs.Concepts:
    """Memberships of the simulated concepts, which hold from the first session on."""
    stock, concept = np.nonzero(world.truth.concepts)
    table = pd.DataFrame(
        {"stock": world.stocks[stock], "concept": concept, "since": world.dates[0]}
    )
    return alpha.graphs.Concepts.from_frame(table, world.stocks)


def yardsticks(world: market.Market) -> dict[str, pd.DataFrame]:
    """Scores that no model made: members' past returns, and the truth."""
    returns = world.returns()
    own = returns.sub(returns.mean(axis=1), axis=0).fillna(0.0).ewm(alpha=1 - DECAY).mean()
    member = world.truth.concepts / world.truth.concepts.sum(axis=0)
    belongs = world.truth.concepts / world.truth.concepts.sum(axis=1, keepdims=True)
    heard = own.to_numpy() @ member @ belongs.T
    grid = {"index": world.dates, "columns": world.stocks}
    return {
        "members' past": pd.DataFrame(heard, **grid),
        "truth": pd.DataFrame(world.truth.alpha["concept"], **grid),
    }


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--stocks", type=int, default=240)
    parser.add_argument(
        "--models", nargs="+", choices=MODELS, default=["GRU", "HIST", "HIST qlib own"]
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
