"""The fundamental model with learned factors: in the place of its styles, or beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from market import Market
from risk.barra import Barra
from risk.deep import Deep, DeepTraining
from risk.deep.days import Splits
from risk.history import RiskHistory
from risk.styles import StyleSpec


@dataclass(frozen=True)
class Joint:
    """Country, industries, and deep factors instead of the styles or together with them.

    Parameters
    ----------
    barra
        The fundamental model; its horizon and other settings hold for the joint one.
    deep
        The model that learns the exposures.
    mode
        ``"replace"`` leaves the styles out; ``"augment"`` keeps them, and takes from each deep factor what
        they say already.

    Examples
    --------
    >>> model = Joint(Barra(), Deep(factors=10), mode="augment")  # doctest: +SKIP
    >>> history = model.fit(
    ...     market, WalkForward(train="5y", valid="2y", test="3y")
    ... )  # doctest: +SKIP
    """

    barra: Barra
    deep: Deep
    mode: Literal["replace", "augment"] = "augment"

    def __post_init__(self) -> None:
        if self.mode not in ("replace", "augment"):
            raise ValueError(f'Joint: mode is {self.mode!r}; use "replace" or "augment"')

    def fit(
        self,
        market: Market,
        splits: Splits,
        *,
        seed: int = 0,
        config: DeepTraining | None = None,
        run: str | Path | None = None,
        progress: bool = False,
    ) -> RiskHistory:
        """Train the deep factors walk-forward, then estimate the joint model; see ``Deep.fit``.

        Before the first test date the deep factors are absent: the models are those of ``barra``, or of
        country and industries alone. A factor enters the covariance 63 sessions after it begins.

        Raises
        ------
        DataError
            The market is too short for a fold or for the model, or lacks a field.
        """
        styles = None
        if "styles" in self.deep.kinds:
            plain = self.barra.fit(market, progress)
            made = {spec.name: plain.style(spec.name) for spec in self.barra.styles}
            styles = {name: frame for name, frame in made.items() if frame.notna().any(axis=None)}
        fitted = self.deep.fit(
            market, splits, styles=styles, seeds=(seed,), config=config, run=run, progress=progress
        )
        return self.join(market, fitted.exposures(seed), progress)

    def join(
        self, market: Market, exposures: Mapping[str, pd.DataFrame], progress: bool = False
    ) -> RiskHistory:
        """Estimate the joint model with exposures learned before; name to frame date x stock.

        The result is a ``RiskHistory`` like any other. To carry it on, ``update`` needs the exposures of
        the new sessions as ``given``.
        """
        kept = self.barra.styles if self.mode == "augment" else ()
        beside = tuple(spec.name for spec in kept)
        latent = tuple(
            StyleSpec(name, {name: 1.0}, orthogonal_to=beside, kind="latent") for name in exposures
        )
        return replace(self.barra, styles=(*kept, *latent)).fit(market, progress, given=exposures)
