"""The report: every number on the page is that of the result, in either language, in one file."""

from __future__ import annotations

import string
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import backtest
from backtest import BenchmarkPolicy, attribution, metrics, run
from backtest.labels import Labels
from backtest.report_tables import realised_tracking_error
from backtest.sweep import MEASURES
from backtest.words import WORDS
from market import DataError, Market, Target
from tests.backtest.attributed import Always, model_of
from tests.backtest.worlds import random_targets, random_world
from tests.page_reader import Reader

pytest.importorskip("plotly")


@pytest.fixture(scope="module")
def world():
    return random_world(7, days=180)


@pytest.fixture(scope="module")
def result(world):
    """A policy that logs what an index enhancer logs."""
    targets = random_targets(world, 3)

    def policy(snapshot):
        k = world.row(snapshot.date)
        log = {
            "tracking_error": 0.05 + 0.001 * (k % 7),
            "relaxations": "turnover 0.1 -> 0.15" if k % 20 == 0 else "",
            "status": "held" if k % 30 == 5 else "optimal",
            "active.size": 0.3 + 0.001 * k,
            "active.银行": -0.02,
        }
        if k % 20 == 0:
            log["relaxed.turnover"] = 0.15
        return Target(targets.loc[snapshot.date], log)

    found = run(world, policy, benchmark="half", schedule=list(targets.index))
    return replace(found, notes=("prices are < approximate >",))


@pytest.fixture(scope="module")
def made(result, world, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "deep" / "page.html"
    tables = result.report(path, market=world)
    return tables, Reader(path.read_text(encoding="utf-8"))


def written(results, path, **options):
    tables = backtest.report(results, path, **options)
    return tables, Reader(path.read_text(encoding="utf-8"))


def test_the_page_is_one_file_of_moderate_size_that_asks_for_nothing(made, result, tmp_path):
    _, page = made
    assert page.addresses
    assert all(address.startswith("#") for address in page.addresses)
    assert "Plotly" in page.library
    result.report(tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 4e6


def test_the_summary_is_that_of_the_result_with_its_intervals(made, result):
    tables, page = made
    summary, bounds = result.summary(), result.confidence()
    pd.testing.assert_series_equal(tables["summary"]["value"], summary, check_names=False)
    shown = page.column("Summary", "value")
    assert shown["annual excess, geometric"] == f"{summary['annual_excess']:.2%}"
    assert shown["information ratio"] == f"{summary['information_ratio']:.2f}"
    assert shown["orders refused"] == f"{summary['refused_orders']:,}"
    assert shown["excess drawdown from"] == f"{summary['excess_drawdown_peak']:%Y-%m-%d}"
    low = page.column("Summary", "95% from, bootstrap")
    assert low["information ratio"] == f"{bounds.loc['information_ratio', 'bootstrap_low']:.2f}"
    assert low["volatility"] == ""


def test_years_and_months_are_those_of_the_result(made, result):
    tables, page = made
    pd.testing.assert_frame_equal(tables["yearly"], result.yearly())
    pd.testing.assert_frame_equal(tables["monthly"], result.monthly())
    year = result.yearly().index[0]
    assert page.column("By year", "excess")[str(year)] == f"{result.yearly()['excess'].iloc[0]:.2%}"
    cells = page.figures["Excess by month"]["data"][0]
    exact = result.monthly().drop(columns="year").to_numpy()
    drawn = np.array(cells["z"], dtype=float)
    np.testing.assert_allclose(drawn, exact, rtol=1e-5)
    assert cells["text"][0][int(np.flatnonzero(np.isfinite(exact[0]))[0])].endswith("%")
    assert cells["x"][:2] == ["Jan", "Feb"]


def test_lines_are_the_series_of_the_result(made, result):
    _, page = made
    nav, level = page.figures["Net asset value"]["data"]
    np.testing.assert_allclose(nav["y"], result.nav, rtol=1e-5)
    np.testing.assert_allclose(level["y"], result.benchmark, rtol=1e-5)
    assert nav["x"] == [f"{date:%Y-%m-%d}" for date in result.nav.index]
    shade, line = page.figures["Excess: NAV / benchmark, and its drawdown"]["data"]
    np.testing.assert_allclose(line["y"], result.excess["geometric"], rtol=1e-5)
    assert min(shade["y"]) == pytest.approx(result.summary()["excess_drawdown"], rel=1e-5)
    bars, paid = page.figures["One-way turnover and charges so far"]["data"]
    np.testing.assert_allclose(bars["y"], result.turnover, rtol=1e-5)
    assert paid["y"][-1] == pytest.approx(result.cost_rate().sum(), rel=1e-5)


def test_the_tracking_error_of_the_last_quarter_is_that_of_its_days(made, result):
    _, page = made
    figure = page.figures["Tracking error, predicted and realised over 63 sessions"]
    realised, predicted = figure["data"]
    own = metrics.volatility(result.active.iloc[-63:])
    assert realised["y"][-1] == pytest.approx(own, rel=1e-5)
    assert len(realised["y"]) == len(result.active) - 62
    assert predicted["y"] == pytest.approx(list(result.solver["tracking_error"]))
    own = metrics.volatility(result.active.iloc[:10])
    assert realised_tracking_error(result, 10).iloc[0] == pytest.approx(own)


def test_exposures_are_drawn_largest_first(made, result):
    _, page = made
    size, bank = page.figures["Active exposures of the targets"]["data"]
    assert (size["name"], bank["name"]) == ("size", "银行")
    np.testing.assert_allclose(size["y"], result.solver["active.size"], rtol=1e-5)
    assert page.headings.index("Risk") > page.headings.index("Summary")


def test_charges_add_up_over_kinds_and_years(made, result):
    tables, page = made
    costs = tables["costs"]
    assert costs.loc["all", "total"] == pytest.approx(result.cost_rate().sum())
    assert costs.drop(index="all")["total"].sum() == pytest.approx(costs.loc["all", "total"])
    kinds = costs.drop(columns="total")
    assert kinds.sum(axis=1).to_numpy() == pytest.approx(costs["total"].to_numpy())
    assert (kinds != 0.0).any().all()
    title = "Charges over net asset value, by year"
    assert page.column(title, "total")["all"] == f"{costs.loc['all', 'total']:.2%}"


def test_refusals_are_counted_by_reason_and_side(made, result):
    tables, _ = made
    refused = tables["refusals"]
    assert refused[["buy", "sell"]].sum().sum() == len(result.refusals)
    for reason, row in refused.iterrows():
        given = result.refusals[result.refusals["reason"] == reason]
        assert row["buy"] == (given["side"] == "buy").sum()
        assert row["filled"] == pytest.approx((given["done"] / given["wanted"]).mean())


def test_relaxed_and_held_rebalances_are_listed(made, result):
    tables, page = made
    count = int(result.relaxed().sum())
    assert count > 0
    assert tables["relaxations"].loc["turnover"].tolist() == [count, pytest.approx(0.15)]
    assert page.column("Limits that gave way", "used, mean")["turnover limit"] == "0.15"
    dates = tables["relaxed_dates"]
    assert (dates["relaxations"] != "").sum() == count
    assert (dates["status"] == "held").sum() == result.summary()["held_rebalances"] > 0


def test_holdings_and_active_weights_are_the_last_ones(made, result, world):
    tables, _ = made
    held = tables["largest_holdings"]["weight"]
    last = result.weights.iloc[-1]
    assert held.is_monotonic_decreasing
    assert held.sum() == pytest.approx(last.sum())
    active = tables["largest_active"]
    index = world.index("half").weights_on(result.weights.index[-1])
    for stock, row in active.iterrows():
        assert row["active_weight"] == pytest.approx(last.get(stock, 0.0) - index.get(stock, 0.0))
    assert active["active_weight"].abs().is_monotonic_decreasing


def test_what_to_know_first_is_told_with_its_numbers(made, result):
    _, page = made
    found = result.summary()
    told = "\n".join(page.items)
    assert f"{len(result.nav) - 1} sessions are less than a year" in told
    assert f"{found['relaxed_rebalances']} of {found['rebalances']} rebalances relaxed" in told
    assert f"{found['held_rebalances']} of {found['rebalances']} rebalances kept" in told
    assert f"{found['refused_orders']} orders were refused" in told
    assert f"is {found['realised_over_predicted']:.2f} times the predicted one" in told
    assert "data: prices are < approximate >" in page.items


def test_configuration_fingerprint_and_versions_are_told(made, result):
    _, page = made
    shown = page.column("Configuration", "value")
    assert shown["benchmark"] == "half"
    assert shown["capital, CNY"] == "100,000,000"
    assert shown["start"] == result.config["start"]
    data = page.column("Data and versions", "value")
    assert data["data fingerprint"] == result.config["data"]
    assert data["numpy"] == np.__version__


def test_parts_of_the_excess_add_up_on_the_page(result, world, tmp_path):
    parts = attribution.costs(result, world)
    own = pd.DataFrame({"total": [0.25]}, index=["mine"])
    given = {"Shortfall": parts, "Own table": own}
    tables, page = written(result, tmp_path / "page.html", attribution=given)
    table = tables["Shortfall"]
    inner = table.drop(["sum", "excess", "residual"])
    np.testing.assert_allclose(inner.sum(), table.loc["excess"], atol=1e-10)
    level = result.excess["geometric"]
    growth = level.iloc[-1] / level.iloc[0] - 1.0
    assert table.loc["excess", "total"] == pytest.approx(growth)
    assert page.column("Shortfall", "total")["excess"] == f"{growth:z.2%}"
    assert page.column("Own table", "total") == {"mine": "25.00%"}
    assert any(f"excess of the run: {growth:z.2%} in all" in line for line in page.items)
    drawn = page.figures["Shortfall"]["data"][0]
    assert max(np.abs(drawn["x"])) == pytest.approx(inner["a_year"].abs().max(), rel=1e-5)


def test_many_parts_are_cut_to_the_largest_and_keep_their_sum(result, world, tmp_path):
    parts = attribution.costs(result, world)
    rest = parts.daily["paper"].to_numpy()[:, None] * np.full(40, 1 / 40)
    many = pd.DataFrame(rest, parts.daily.index, [f"f{k}" for k in range(40)])
    daily = pd.concat([parts.daily.drop(columns="paper"), many], axis=1)
    tables, page = written(
        result, tmp_path / "p.html", attribution={"A": replace(parts, daily=daily)}
    )
    assert len(tables["A"]) == daily.shape[1] + 3
    rows = page.column("A", "a year")
    shown = [float(text.rstrip("%")) for name, text in rows.items() if name not in ENDS]
    assert len(shown) == 26
    assert sum(shown) == pytest.approx(float(rows["sum"].rstrip("%")), abs=26 * 0.005)
    assert f"{daily.shape[1] - 25} smaller parts" in rows


ENDS = ("sum", "excess", "residual")


def test_the_same_page_in_chinese_has_the_same_numbers(made, result, world, tmp_path):
    _, english = made
    _, chinese = written(result, tmp_path / "page.html", language="zh", market=world)
    assert chinese.language == "zh"
    assert [rows[1:] and [r[1:] for r in rows[1:]] for rows in chinese.tables] == [
        rows[1:] and [r[1:] for r in rows[1:]] for rows in english.tables
    ]
    assert chinese.column("业绩概览", "数值")["年化超额（几何）"]
    for one, two in zip(english.figures.values(), chinese.figures.values(), strict=True):
        assert [t.get("y") for t in one["data"][:1]] == [t.get("y") for t in two["data"][:1]]
    shown = [*chinese.headings, *chinese.captions, *chinese.figures]
    assert all(any(ord(c) > 0x4E00 for c in text) for text in shown)


def test_every_word_is_there_in_both_languages_with_the_same_values():
    for key, pair in WORDS.items():
        assert all(text.strip() for text in pair), key
        fields = [{f for _, f, _, _ in string.Formatter().parse(text) if f} for text in pair]
        assert fields[0] == fields[1], key


def test_every_measure_column_and_reason_has_its_words(result):
    keys = [*result.summary().index, *result.yearly().columns, *MEASURES, *result.costs.columns]
    assert [key for key in (*keys, *result.refusals["reason"]) if key not in WORDS] == []


def test_factors_and_limits_have_words_of_their_own():
    words = Labels("zh")
    assert (words("value"), words.part("value")) == ("数值", "价值")
    assert (words.part("银行"), words.part("paper")) == ("银行", "纸面组合")
    assert words.limit("limit.tracking_error") == "跟踪误差上限"
    assert Labels().limit("limit.speed") == "speed limit"
    assert Labels()("refused: limit up") == "refused: limit up"
    assert words("refused: limit up") == "未成交：涨停"
    assert words("policy.config.n_drop") == "policy.config.n_drop"


def test_several_results_are_compared(result, world, tmp_path):
    other = run(world, BenchmarkPolicy("half"), schedule=10, capital=2e8)
    results = {"random": result, "index": other}
    tables, page = written(results, tmp_path / "page.html")
    assert tables["summary"].columns.tolist() == ["random", "index"]
    for name, each in results.items():
        assert tables["summary"].loc["annual_excess", name] == each.summary()["annual_excess"]
        pd.testing.assert_series_equal(
            tables["yearly_excess"][name], each.yearly()["excess"], check_names=False
        )
    lines = page.figures["Excess: NAV / benchmark"]["data"]
    assert [line["name"] for line in lines] == ["random", "index"]
    np.testing.assert_allclose(lines[1]["y"], other.excess["geometric"], rtol=1e-5)
    differing = tables["configuration_differing"]
    assert differing.loc["capital"].tolist() == ["100,000,000", "200,000,000"]
    assert "benchmark" in tables["configuration"].index
    assert any(line.startswith("random: ") for line in page.items)


def test_a_run_without_a_benchmark_or_a_log_has_its_page(world, tmp_path):
    targets = random_targets(world, 3)
    alone = run(world, lambda s: targets.loc[s.date], schedule=list(targets.index))
    tables, page = written(alone, tmp_path / "page.html")
    assert "annual_excess" not in tables["summary"].index
    assert "Risk" not in page.headings
    assert "the run has no benchmark: there is no excess" in page.items
    shade, line = page.figures["Net asset value and its drawdown"]["data"]
    np.testing.assert_allclose(line["y"], alone.nav, rtol=1e-5)
    assert min(shade["y"]) == pytest.approx(alone.summary()["drawdown"], rel=1e-5)
    _, both = written({"a": alone, "b": alone}, tmp_path / "both.html")
    assert len(both.figures["Excess: NAV / benchmark"]["data"]) == 2


def test_a_run_of_a_few_days_has_no_intervals_and_no_rolling_risk(world, tmp_path):
    few = run(world, BenchmarkPolicy("half"), end=world.dates[6], schedule=5)
    tables, page = written(few, tmp_path / "page.html")
    assert tables["summary"].columns.tolist() == ["value"]
    assert any(line.startswith("no confidence intervals: ") for line in page.items)
    assert not any("Tracking error" in caption for caption in page.figures)


def test_a_run_that_never_held_anything_has_its_page(world, tmp_path):
    idle = run(world, lambda _: pd.Series(dtype=float), benchmark="half")
    tables, page = written(idle, tmp_path / "page.html", market=world)
    assert "Holdings" not in page.headings
    assert (tables["costs"]["total"] == 0.0).all()
    assert tables["summary"].loc["annual_return", "value"] == 0.0


def test_what_cannot_be_reported_is_refused_and_writes_nothing(result, world, tmp_path):
    path = tmp_path / "page.html"
    with pytest.raises(ValueError, match="language 'fr' is unknown; use one of"):
        result.report(path, language="fr")
    with pytest.raises(ValueError, match="no results"):
        backtest.report({}, path)
    with pytest.raises(ValueError, match="attribution is of one result"):
        backtest.report({"a": result}, path, attribution={"A": pd.DataFrame({"x": [1.0]})})
    with pytest.raises(DataError, match="half"):
        result.report(path, market=random_world(7, days=180, index=False))
    assert list(tmp_path.iterdir()) == []


def test_without_the_bootstrap_the_page_is_made_and_says_so(result, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "arch", None)
    tables, page = written(result, tmp_path / "page.html")
    assert tables["summary"].columns.tolist() == ["value"]
    assert any("no confidence intervals: the bootstrap needs" in line for line in page.items)


def test_without_plotly_the_error_names_the_extra(result, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match=r"install the \[plot\] extra"):
        result.report(tmp_path / "page.html")


@pytest.fixture(scope="module")
def explained():
    """A run on a market with industries, and all that says where its excess came from."""
    plain = random_world(7, days=90)
    fields = {name: plain.values(name) for name in plain.fields}
    fields["industry"] = np.tile(np.arange(8, dtype=np.int8) % 2, (90, 1))
    names = {"industry": ("银行", "steel")}
    world = Market(plain.dates, plain.stocks, fields, venue=plain.venue, categories=names)
    targets = random_targets(world, 3)

    def policy(snapshot):
        log = {"price.turnover": 0.01, "expected_return": 0.002, "cost": 0.0005}
        return Target(targets.loc[snapshot.date], log)

    result = run(world, policy, benchmark="half", schedule=list(targets.index))
    given = {
        "Brinson": attribution.brinson(result, world),
        "Limits": attribution.limits(result, bounds={"turnover": 0.2}),
        "Risk": attribution.risk(result, world, Always(model_of(world.stocks, 1))),
    }
    return result, given


def test_each_kind_of_attribution_has_its_tables(explained, tmp_path):
    result, given = explained
    tables, page = written(result, tmp_path / "page.html", attribution=given)
    segments = page.column("Brinson: by segment", "total")
    assert segments["excess"] == page.column("Brinson", "total")["excess"]
    assert set(segments) > {"银行", "steel", "cash"}
    cost = given["Limits"].table.at["turnover", "cost_a_year"]
    limits = page.table("Limits")
    assert limits[1][:2] == ["turnover limit", "0.2"]
    assert limits[1][limits[0].index("costs, bp a year")] == f"{1e4 * cost:.1f}"
    expected = page.column("Limits: expected and realised", "a year")
    assert expected["excess"] == f"{result.summary()['annual_excess_arithmetic']:z.2%}"
    assert (
        page.column("Risk", "value")["bias statistic"] == f"{given['Risk'].summary()['bias']:.2f}"
    )
    largest = page.column("Risk: largest contributions", "contribution to tracking error")
    assert next(iter(largest)) == str(given["Risk"].largest().index[0]).replace("_", " ")
    assert len(page.figures["Risk: through time"]["data"]) == 3
    assert {"Brinson: segments", "Limits: expectation", "Risk: largest"} <= set(tables)
