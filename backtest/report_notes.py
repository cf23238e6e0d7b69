"""What a reader must know before trusting the numbers of a result, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from backtest.labels import Labels
from backtest.report_text import share
from backtest.result import Result

A_YEAR = 200  # sessions below which an annual number is an extrapolation
FAR = 1.2  # realised over predicted tracking error, either way, from which it is worth a sentence


def notes(results: Mapping[str, Result], words: Labels) -> list[str]:
    """Return the sentences that apply to each result, then the notes of the data, each once.

    Notes of the data stay as they were written.
    """
    told = [
        f"{name}: {line}" if name else line
        for name, result in results.items()
        for line in _of_run(result, words)
    ]
    data = dict.fromkeys(text for result in results.values() for text in result.notes)
    return [*told, *(words("note", text=text) for text in data)]


def _of_run(result: Result, words: Labels) -> list[str]:
    found, lines = result.summary(), []
    sessions, total = int(found["sessions"]), int(found["rebalances"])
    if sessions < A_YEAR:
        lines.append(words("warn_short", sessions=sessions))
    if result.benchmark is None:
        lines.append(words("warn_no_benchmark"))
    if found["relaxed_rebalances"]:
        lines.append(words("warn_relaxed", count=found["relaxed_rebalances"], total=total))
    if found["held_rebalances"]:
        lines.append(words("warn_held", count=found["held_rebalances"], total=total))
    ratio = float(found.get("realised_over_predicted", 1.0))
    if ratio > FAR or ratio < 1.0 / FAR:  # never for NaN: nothing was predicted
        lines.append(words("warn_risk", ratio=ratio))
    return lines + _of_orders(result, found, words)


def _of_orders(result: Result, found: pd.Series, words: Labels) -> list[str]:
    lines = []
    if found["refused_orders"]:
        reasons = _reasons(result, words)
        lines.append(words("warn_refused", count=found["refused_orders"], reasons=reasons))
    if found["orders_cut_for_cash"]:
        filled = share(_filled_for_cash(result))
        lines.append(words("warn_cash", count=found["orders_cut_for_cash"], filled=filled))
    return lines


def _reasons(result: Result, words: Labels) -> str:
    counts = result.refusals["reason"].value_counts().drop("cash", errors="ignore")
    return ", ".join(f"{words(reason)} {count}" for reason, count in counts.items())


def _filled_for_cash(result: Result) -> float:
    """Return the mean share of these orders that was filled."""
    cut = result.refusals[result.refusals["reason"] == "cash"]
    return float((cut["done"] / cut["wanted"]).mean())
