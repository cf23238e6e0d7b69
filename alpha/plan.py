"""What a fit was asked to do, beside the market: enough to go on with it another day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alpha.dataset import Features
from alpha.graphs import Concepts, Graph
from alpha.labels import Label
from alpha.model import Recipe
from alpha.settings import plain, restored
from alpha.splits import Splits
from alpha.train import WHERE, TrainConfig


@dataclass(frozen=True, eq=False)
class Plan:
    """The arguments of a fit. Read from a run folder, arrays (a cube, a graph) are not there: None."""

    model: Recipe
    index: str | tuple[str, ...] | None
    label: Label
    features: Features | None
    graph: Graph | None
    concepts: Concepts | None
    splits: Splits
    config: TrainConfig

    def settings(self) -> dict[str, Any]:
        """Return plain values, with sums in place of arrays (TypeError where there are none)."""
        config = {k: v for k, v in plain(self.config).items() if k not in WHERE}
        return {
            "model": plain(self.model),
            "index": plain(self.index),
            "label": plain(self.label),
            "features": plain(self.features),
            "graph": plain(self.graph),
            "concepts": plain(self.concepts),
            "splits": plain(self.splits),
            "config": config,
        }

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> "Plan":
        """Return the plan whose :meth:`settings` these are (ValueError: a class cannot be imported)."""
        given = {k: _kept(settings[k]) for k in ("features", "graph", "concepts")}
        parts = ("model", "index", "label", "splits", "config")
        return cls(**{k: restored(settings[k]) for k in parts}, **given)


def _kept(settings: Any) -> Any:
    """The object, or None where arrays were part of it."""
    return None if "sha256" in str(settings) else restored(settings)
