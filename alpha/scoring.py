"""Scores of a trained model, day by day, and what else it tells of a day."""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from alpha.batch import Days
from alpha.features import FeatureCube
from alpha.model import AlphaModel
from market.progress import track

Rows = NDArray[np.intp]


@torch.no_grad()
def predict(model: AlphaModel, days: Days, rows: Rows, progress: bool = False) -> pd.DataFrame:
    """Score each day of ``rows``: dates x stocks of ``days``, NaN where a stock is not present."""
    table = np.full((len(rows), len(days.stocks)), np.nan, np.float32)
    servable = set(days.servable(rows).tolist())
    for k, row in enumerate(track(rows, progress, "score", total=len(rows))):
        if row in servable:
            batch = days.batch(row, labelled=False).to(model.device)
            table[k, days.columns(row)] = model.scores(batch).cpu().numpy()
    return pd.DataFrame(table, index=days.dates[rows], columns=days.stocks)


@torch.no_grad()
def extras(model: AlphaModel, days: Days, rows: Rows) -> dict[str, FeatureCube]:
    """Return the extras of a model on each day of ``rows``, a cube each, NaN where a stock is not present.

    The k columns of an extra ``weak`` are named ``weak00``, ``weak01`` and so on.

    Raises
    ------
    ValueError
        The model does not return one ``[n, k]`` tensor for each name in ``model.extras``.
    """
    if not model.extras:
        return {}
    tables: dict[str, NDArray[np.float32]] = {}
    servable = set(days.servable(rows).tolist())
    for k, row in enumerate(rows.tolist()):
        if row not in servable:
            continue
        batch = days.batch(row, labelled=False).to(model.device)
        found = model.extra(batch)
        _check(model, batch.date, len(batch.codes), found)
        columns = days.columns(row)
        for name, values in found.items():
            if name not in tables:
                shape = (len(rows), len(days.stocks), values.shape[1])
                tables[name] = np.full(shape, np.nan, np.float32)
            tables[name][k, columns] = values.cpu().numpy()
    return {
        name: FeatureCube(table, days.dates[rows], days.stocks, _numbered(name, table.shape[2]))
        for name, table in tables.items()
    }


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}{k:02d}" for k in range(count))


def _check(
    model: AlphaModel, date: pd.Timestamp, stocks: int, found: dict[str, torch.Tensor]
) -> None:
    shapes = {name: tuple(values.shape) for name, values in found.items()}
    whole = all(len(shape) == 2 and shape[0] == stocks for shape in shapes.values())
    if set(shapes) != set(model.extras) or not whole:
        raise ValueError(
            f"{type(model).__name__}.extra gave {shapes} on {date:%Y-%m-%d} for {stocks} stocks; "
            f"its extras {list(model.extras)} call for one [n, k] tensor each"
        )
