"""One page about one or several models: tables in the form of published reports, with their figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from alpha import evaluate, published
from alpha.evaluate import Judged, Mode
from alpha.fitted import Fitted
from alpha.labels import Label, vwap_1
from market import Market
from market.page import Page
from market.progress import track

PERCENT = ("positive", "excess", "volatility", "drawdown", "turnover", "annual", "won")
FORMATS = {
    "": ".4f", **dict.fromkeys(PERCENT, ".1%"), "icir": ".2f", "ratio": ".2f", "t": ".2f", "p": ".3f",
    "days": ".0f", "stocks": ".0f", "ICIR": ".2f", "RankICIR": ".2f", "Sharpe": ".2f", "IR": ".2f",
    **dict.fromkeys(["G1", "G2", "G3", "G4", "G5", "long-short", "long-average"], ".1%"),
}  # fmt: skip
SHARES = {"": ".1%"}
OTHER = "Rows in grey italics are printed in other reports, on other data and years."


def report(
    models: Mapping[str, Fitted | pd.DataFrame],
    market: Market,
    path: Path | str,
    *,
    label: Label | None = None,
    indexes: Sequence[str] | None = None,
    title: str = "Scores out of sample",
    settings: Mapping[str, object] | None = None,
    progress: bool = False,
) -> dict[str, pd.DataFrame]:
    """Write one self-contained HTML page about scores.

    Parameters
    ----------
    models
        Name to a fit, or to scores date x stock.
    market
        Reaches further than the scores by the horizon of the label, or the last dates are not judged.
    path
        File to write.
    label
        What RankIC is taken against, sampled so that outcomes do not overlap; by default the label that
        the first fit was trained on.
    indexes
        Universes besides all scored stocks; by default all of the market.
    title, settings
        Heading, and what a reader needs to repeat it: shown as they are.
    progress
        Show a bar.

    Returns
    -------
    dict
        The tables of the page by name, not rounded.

    Raises
    ------
    DataError
        An unknown index.
    ValueError
        No models, no label, scores outside the market.
    """
    label = label or _label(models)
    scores = {
        name: (m.scores() if isinstance(m, Fitted) else m).dropna(axis=1, how="all")
        for name, m in models.items()
    }
    world = evaluate.touched(scores, market, max(label.horizon, *evaluate.HORIZONS) + 1)
    found = evaluate.judge(scores, world, label, indexes)
    total = len(scores) * (1 + len(market.indexes if indexes is None else indexes))
    judged = list(track(found, progress, "judge", total))
    every = [j for j in judged if j.universe == "all"]
    page = Page(title)
    _facts(page, models, every, market, label, settings or {})
    league = evaluate.table_of(judged)
    _league(page, league, every)
    _years(page, league)
    _groups(page, every)
    _daily(page, judged, world)
    _months(page, every)
    _decay(page, scores, world)
    if len(scores) > 1:
        _between(page, scores, world, label)
    _sources(page)
    page.write(Path(path))
    return page.tables


def _label(models: Mapping[str, Fitted | pd.DataFrame]) -> Label:
    plans = [m.plan for m in models.values() if isinstance(m, Fitted) and m.plan is not None]
    if not plans:
        raise ValueError(
            f"report: none of {list(models)} says what it was trained on; give label=alpha.labels.fwd10 "
            "or another label"
        )
    return plans[0].label


def _facts(
    page: Page,
    models: Mapping[str, Fitted | pd.DataFrame],
    judged: Sequence[Judged],
    market: Market,
    label: Label,
    settings: Mapping[str, object],
) -> None:
    page.heading("What was judged")
    page.items(
        *(
            f"{j.model}: {j.scores.index[0]:%Y-%m-%d} to {j.scores.index[-1]:%Y-%m-%d}, "
            f"{len(j.scores)} sessions, {j.scores.notna().sum(axis=1).mean():.0f} stocks a day"
            for j in judged
        ),
        *(line for name, model in models.items() for line in _plan(name, model)),
        f"label {label.name}: {label.price} of session t+{label.entry} to that of t+{label.horizon}; "
        f"RankIC each {label.horizon - label.entry} sessions, raw returns",
        *(f"{name}: {value}" for name, value in settings.items()),
        *(f"note on the data: {note}" for note in market.notes),
        f"data {market.fingerprint()}, {market.dates[0]:%Y-%m-%d} to {market.dates[-1]:%Y-%m-%d}",
    )


def _plan(name: str, model: Fitted | pd.DataFrame) -> list[str]:
    """How a fit was made."""
    if not isinstance(model, Fitted) or model.plan is None:
        return []
    plan, seeds = model.plan, sorted({f.seed for f in model.folds})
    names = getattr(plan.features, "names", None)
    columns = f"{len(names)} features" if names is not None else type(plan.features).__name__
    graph = "" if plan.graph is None else f", graph {type(plan.graph).__name__}"
    return [
        f"{name}: {plan.model}; {columns}{graph}; label {plan.label.name}; index {plan.index}; "
        f"{plan.splits}; {plan.config}; seeds {seeds}"
    ]


def _league(page: Page, league: pd.DataFrame, judged: Sequence[Judged]) -> None:
    from alpha import plots

    page.heading(
        "League",
        "rank_ic: mean over sampled dates, icir: mean / std of them (not annualised). rank_ic_daily: mean over all "
        "dates, which does not depend on where the sampling begins. excess, volatility, "
        "ratio and drawdown: daily excess of the top group (a twentieth of all stocks, a fifth of an index) "
        "over the equal-weight universe, weekly rebalance at the next close, no costs. turnover: one-way, a "
        f"week, of the top group against drifted weights. {OTHER}",
    )
    whole = league.xs("all", level="period")
    printed = published.weekly()
    for universe in whole.index.unique("universe"):
        rows = whole.loc[universe]
        known = universe in printed.index.get_level_values("universe")
        beside = printed.loc[universe] if known else None
        page.table(f"League, {universe}", rows, FORMATS, beside)
    wide = whole["rank_ic"].unstack("model")
    order = whole.index.unique("universe"), whole.index.unique("model")
    page.figure(
        "RankIC by universe",
        plots.png(plots.plot_bars(wide.loc[order], "universe", plots.canvas())),
    )
    series = pd.DataFrame({j.model: j.rank_ic for j in judged})
    drawn = plots.plot_rank_ic(series, plots.canvas())
    page.figure("Cumulative RankIC, all stocks", plots.png(drawn))


def _years(page: Page, league: pd.DataFrame) -> None:
    from alpha import plots

    page.heading("Year by year", f"Partial years are annualised. {OTHER}")
    models = league.index.unique("model")
    for universe in league.index.unique("universe"):
        rows = league.xs(universe, level="universe")
        for what, form in (("rank_ic", ".4f"), ("icir", ".2f"), ("excess", ".1%")):
            table = rows[what].unstack("model")[models]
            beside = published.yearly_excess() if (universe, what) == ("all", "excess") else None
            joined = table if beside is None else table.join(beside.add_suffix(" (published)"))
            page.table(f"{what} by year, {universe}", joined, {"": form})
    table = league.xs("all", level="universe")["rank_ic"].unstack("model")[models].drop("all")
    page.figure("RankIC by year", plots.png(plots.plot_bars(table, "year", plots.canvas())))
    table = league.xs("all", level="universe")["excess"].unstack("model")[models].drop("all")
    drawn = plots.plot_bars(table, "year", plots.canvas(), "Top group's excess", percent=True)
    page.figure("Top group's excess by year", plots.png(drawn))


def _groups(page: Page, judged: Sequence[Judged]) -> None:
    from alpha import plots

    page.heading(
        "Twenty groups",
        "All scored stocks, equal weight within a group, weekly rebalance at the next close, held between with "
        "drifting weights, no costs. Long-short is group 1 less group 20, daily differences.",
    )
    summaries = {j.model: j.groups.summary() for j in judged}
    excess = pd.DataFrame({name: s["excess"].drop("long_short") for name, s in summaries.items()})
    beside = published.groups().add_suffix(" (published)")
    page.table("Excess of each group", excess.join(beside).rename_axis("group"), SHARES)
    modes: tuple[Mode, ...] = ("sum", "compound")
    legs = {
        (j.model, mode): evaluate.performance(j.groups.long_short(), mode)
        for j in judged
        for mode in modes
    }
    table = pd.DataFrame(legs).T.rename_axis(["model", "mode"])
    page.table("Long-short", table, FORMATS)
    page.figure("Groups", plots.png(plots.plot_groups(excess, plots.canvas(11.0))))
    for j in judged:
        axis = plots.plot_group_paths(j.groups.excess(), plots.canvas(9.0, 4.4), "sum")
        axis.set_title(f"{j.model}: excess of the groups through time, added up")
        page.figure(f"Groups through time, {j.model}", plots.png(axis))
    series = pd.DataFrame({j.model: j.groups.long_short() for j in judged})
    page.figure("Long-short", plots.png(plots.plot_long_short(series, plots.canvas())))


def _daily(page: Page, judged: Sequence[Judged], market: Market) -> None:
    universe = "csi300" if any(j.universe == "csi300" for j in judged) else "all"
    chosen = [j for j in judged if j.universe == universe]
    page.heading(
        f"One day, five groups, {universe}",
        "Label vwap_1 (next day's average price to the one after), every day; five groups rebalanced daily, "
        f"returns added up, no costs. long-average: group 1 less the mean of all. {OTHER}",
    )
    outcome = vwap_1.values(market)
    rows = {j.model: evaluate.one_day(j.scores, outcome) for j in chosen}
    beside = published.daily() if universe == "csi300" else None
    page.table("One-day groups", pd.DataFrame(rows).T, FORMATS, beside)
    table = pd.DataFrame(
        {
            j.model: evaluate.by_year(evaluate.rank_ic(j.scores, outcome))["mean"].drop("all")
            for j in chosen
        }
    )
    if universe == "csi300":
        table = table.join(published.yearly_rank_ic().add_suffix(" (published)"))
    page.table("One-day RankIC by year", table, {"": ".3f"})


def _months(page: Page, judged: Sequence[Judged]) -> None:
    from alpha import plots

    page.heading("Month by month", "Mean RankIC of the sampled dates of each month, all stocks.")
    for j in judged:
        table = evaluate.by_month(j.rank_ic).rename_axis("year")
        page.table(f"Months, {j.model}", table, {"": ".3f"})
        height = 1.2 + 0.32 * len(table)
        drawn = plots.plot_months(table, plots.canvas(9.0, height), j.model)
        page.figure(f"RankIC by month, {j.model}", plots.png(drawn))


def _decay(page: Page, scores: Mapping[str, pd.DataFrame], market: Market) -> None:
    from alpha import plots

    page.heading(
        "Decay",
        "RankIC on each fifth session with the return of the next h sessions (rank_ic) and of the h-th session "
        "alone (alone), average prices, from the session after the score.",
    )
    table = evaluate.decay(scores, market, every=5)
    flat = table.set_axis([" ".join(column) for column in table.columns], axis=1)
    page.table("Decay", flat, {"": ".4f"})
    held = table.xs("rank_ic", axis=1)
    page.figure("Decay", plots.png(plots.plot_decay(pd.DataFrame(held), plots.canvas())))


def _between(page: Page, scores: Mapping[str, pd.DataFrame], market: Market, label: Label) -> None:
    from alpha import plots

    page.heading(
        "Between models",
        "Correlation: mean over dates, across stocks. Paired test: daily RankIC, all scored stocks, all dates; "
        f"t with a Newey-West variance of {label.horizon} lags, p two-sided for one pair. The best of many pairs "
        "looks better than it is.",
    )
    matrix = evaluate.correlation(scores)
    page.table("Correlation of scores", matrix, {"": ".2f"})
    side = 1.8 + 0.6 * len(matrix)
    drawn = plots.plot_correlation(matrix, plots.canvas(side + 1.5, side))
    page.figure("Correlation of scores", plots.png(drawn))
    outcome = label.values(market)
    series = {name: evaluate.rank_ic(table, outcome) for name, table in scores.items()}
    least = label.horizon + 10  # a model that scores all stocks alike is never measured
    series = {name: values for name, values in series.items() if values.notna().sum() > least}
    if len(series) > 1:
        page.table("Paired test of RankIC", evaluate.paired(series, label.horizon), FORMATS)


def _sources(page: Page) -> None:
    page.heading("Printed figures")
    page.items(published.ASTGNN, published.GATS)
