"""What a result says about itself, and that it survives the disk."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import backtest
from backtest import BenchmarkPolicy, FixedWeights, Result, audit, load, metrics, run
from backtest.plain import description, plain
from backtest.storage import load_levels
from market import Costs, DataError, Target
from tests.backtest.worlds import one_price, random_targets, random_world


@pytest.fixture(scope="module")
def result():
    m = random_world(7, days=60)
    targets = random_targets(m, 7)

    def policy(snapshot):
        log = {
            "tracking_error": 0.04,
            "relaxations": "turnover 0.1 -> 0.2" if snapshot.date == targets.index[2] else "",
            "status": "held" if snapshot.date == targets.index[3] else "optimal",
            "active.size": 0.1 * len(snapshot.holdings),
            "prices": {"turnover": np.float64(0.5), "limits": [1, np.int64(2)]},
        }
        return Target(targets.loc[snapshot.date], log)

    return run(m, policy, benchmark="half", schedule=targets.index, capital=1e6)


def assert_same(one: Result, two: Result) -> None:
    for name in ("nav", "cash", "benchmark", "turnover"):
        pd.testing.assert_series_equal(getattr(one, name), getattr(two, name), check_freq=False)
    for name in ("targets", "weights", "trades", "refusals", "costs", "solver"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name), check_freq=False)
    assert one.notes == two.notes
    assert plain(one.config) == plain(two.config)


def test_summary_agrees_with_the_metrics(result):
    s = result.summary()
    ratio = result.nav / result.benchmark
    assert s["annual_excess"] == pytest.approx(metrics.annual_return(ratio))
    assert s["tracking_error"] == metrics.tracking_error(result.nav, result.benchmark)
    assert s["information_ratio"] == metrics.information_ratio(result.nav, result.benchmark)
    assert s["excess_drawdown"] == metrics.max_drawdown(ratio).depth
    assert s["predicted_tracking_error"] == pytest.approx(0.04)
    assert s["realised_over_predicted"] == pytest.approx(s["tracking_error"] / 0.04)
    assert (s["relaxed_rebalances"], s["held_rebalances"]) == (1, 1)
    cut = (result.refusals["reason"] == "cash").sum()
    assert s["orders_cut_for_cash"] == cut
    assert s["refused_orders"] == len(result.refusals) - cut
    assert (s["rebalances"], s["sessions"]) == (len(result.targets), len(result.nav) - 1)


def test_the_summary_has_the_measures_against_the_benchmark(result):
    s, level = result.summary(), result.benchmark
    assert s["calmar"] == metrics.calmar(result.nav)
    assert s["beta"] == metrics.beta(result.nav, level)
    assert s["up_capture"] == metrics.capture(result.nav, level, "up")
    assert s["down_capture"] == metrics.capture(result.nav, level, "down")
    assert s["monthly_hit_rate"] == metrics.monthly_hit_rate(result.nav, level)


def test_active_returns_are_those_that_the_ratio_is_of(result):
    daily = result.active
    assert len(daily) == len(result.nav) - 1
    assert metrics.volatility(daily) == result.summary()["tracking_error"]
    found = result.confidence()
    assert found.at["information_ratio", "estimate"] == pytest.approx(
        result.summary()["information_ratio"]
    )
    assert found["sessions"].tolist() == [len(daily)] * 2
    low, high = (found[f"newey_west_{side}"] for side in ("low", "high"))
    assert (low < found["estimate"]).all()
    assert (found["estimate"] < high).all()


def test_exposures_are_those_that_the_policy_logged(result):
    found = result.exposures
    assert found.columns.tolist() == ["size"]
    assert found.index.equals(result.targets.index)
    assert found["size"].iloc[0] == 0.0  # the first portfolio starts from cash
    m = random_world(1)
    assert run(m, BenchmarkPolicy("half")).exposures.shape[1] == 0


def test_months_are_of_the_excess_or_without_a_benchmark_of_the_return(result):
    ratio = result.nav / result.benchmark
    pd.testing.assert_frame_equal(result.monthly(), metrics.monthly_table(ratio))
    m = random_world(1, quiet=True, index=False)
    alone = run(m, lambda s: pd.Series({"SH600000": 1.0}))
    pd.testing.assert_frame_equal(alone.monthly(), metrics.monthly_table(alone.nav))


def test_turnover_and_cost_by_hand():
    m = one_price({"SH600000": [10.0] * 253, "SH600001": [20.0] * 253})
    targets = pd.DataFrame(0.0, index=m.dates[[0, 5]], columns=m.stocks)
    targets.iloc[0, 0], targets.iloc[1, 1] = 0.5, 0.5
    result = run(
        m,
        FixedWeights(targets),
        schedule=targets.index,
        costs=Costs.flat(0.0, 0.01),
        capital=1000.0,
    )
    assert result.turnover.tolist() == pytest.approx([0.25, 0.5])  # half of 0.5, then of 0.5 + 0.5
    s = result.summary()
    assert s["turnover"] == pytest.approx(0.5)  # without the first, which builds
    assert s["annual_cost"] == pytest.approx(0.005)  # 1 % of the half that was sold, in one year
    assert s["annual_return"] == pytest.approx(-0.005)


def test_weights_are_those_reached_and_with_cash_they_make_one(result):
    total = result.weights.sum(axis=1) + result.cash.reindex(result.weights.index)
    assert total.to_numpy() == pytest.approx(1.0)
    assert len(result.weights) == len(result.targets)


def test_yearly_covers_every_session(result):
    assert result.yearly()["sessions"].sum() == len(result.nav) - 1


def test_repr_is_five_lines(result):
    lines = repr(result).splitlines()
    assert len(lines) == 5
    assert "over half" in lines[1]
    assert f"one-way turnover {result.summary()['turnover']:.1%} a rebalance" in lines[2]


def test_without_a_benchmark_the_summary_is_shorter_and_excess_says_why():
    m = random_world(1, quiet=True, index=False)
    result = run(m, lambda s: pd.Series({"SH600000": 1.0}))
    assert "annual_excess" not in result.summary()
    assert result.yearly().columns.tolist() == ["return", "sessions"]
    assert "return" in repr(result)
    with pytest.raises(ValueError, match=r"no benchmark.*benchmark='csi300'"):
        _ = result.excess


def test_notes_name_the_share_of_substituted_vwap():
    m = one_price({"SH600000": [10.0] * 8})
    assert "100.0% of stock-days" in run(m, lambda s: pd.Series(dtype=float)).notes[-1]
    assert run(m, lambda s: pd.Series(dtype=float), deal="close").notes == ()


def test_config_repeats_the_run(result):
    c = result.config
    assert (c["benchmark"], c["deal"], c["capital"]) == ("half", "vwap", 1e6)
    assert c["costs"]["minimum"] == 5.0
    assert len(c["data"]) == 16
    m = random_world(1)
    named = run(m, BenchmarkPolicy("half")).config["policy"]
    assert named == {"type": "BenchmarkPolicy", "benchmark": "half"}
    assert description(FixedWeights(pd.DataFrame(np.zeros((3, 4)))))["targets"] == "DataFrame 3 x 4"


def test_a_policy_is_described_by_its_settings_and_its_data_by_their_size():
    @dataclass(frozen=True)
    class Limit:
        limit: float

    @dataclass(frozen=True)
    class Config:
        limits: tuple[Limit, ...]
        ladder: tuple[type, ...]

    class Policy:
        config = Config((Limit(0.2), Limit(0.8)), (Limit,))
        scores = np.zeros((5, 5))

    limits = [{"type": "Limit", "limit": 0.2}, {"type": "Limit", "limit": 0.8}]
    settings = {"type": "Config", "limits": limits, "ladder": ["Limit"]}
    assert description(Policy()) == {"type": "Policy", "config": settings}
    assert description(list(range(100))) == "list of 100"
    assert description({"a": Path("x"), "b": np.float32(0.5)}) == {"a": "x", "b": 0.5}
    assert description(audit) == "audit"


def test_save_and_load_give_the_same_result_back(result, tmp_path):
    folder = result.save(tmp_path / "runs" / "half")
    assert_same(result, load(folder))
    assert sorted(p.name for p in folder.parent.iterdir()) == ["half"]


def test_levels_are_read_without_the_rest(result, tmp_path):
    levels = load_levels(result.save(tmp_path / "run"))
    for name in ("nav", "cash", "benchmark"):
        pd.testing.assert_series_equal(levels[name], getattr(result, name), check_freq=False)
    with pytest.raises(DataError, match=r"holds no result\.json"):
        load_levels(tmp_path)
    (tmp_path / "run" / "daily.parquet").write_bytes(b"PAR1 cut")
    for read in (load, load_levels):
        with pytest.raises(DataError, match=r"daily\.parquet cannot be read"):
            read(tmp_path / "run")
    (tmp_path / "run" / "result.json").write_text('{"format": ')
    for read in (load, load_levels):
        with pytest.raises(DataError, match=r"result\.json cannot be read"):
            read(tmp_path / "run")


def test_a_run_without_trades_survives_the_disk(tmp_path):
    m = random_world(1, quiet=True)
    empty = run(m, lambda s: pd.Series(dtype=float), benchmark="half")
    empty.save(tmp_path / "empty")
    assert_same(empty, load(tmp_path / "empty"))


def test_saving_again_replaces_the_result(result, tmp_path):
    m = random_world(1)
    run(m, BenchmarkPolicy("half")).save(tmp_path / "run")
    result.save(tmp_path / "run")
    assert_same(result, load(tmp_path / "run"))
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_failed_save_keeps_the_old_result_and_leaves_nothing_behind(
    result, tmp_path, monkeypatch
):
    m = random_world(1)
    old = run(m, BenchmarkPolicy("half"))
    old.save(tmp_path / "run")
    written = []

    def full_disk(self, path, **options):
        written.append(path)
        if len(written) == 4:
            raise OSError("no space left on device")
        return original(self, path, **options)

    original = pd.DataFrame.to_parquet
    monkeypatch.setattr(pd.DataFrame, "to_parquet", full_disk)
    with pytest.raises(OSError, match="no space"):
        result.save(tmp_path / "run")
    monkeypatch.undo()
    assert_same(old, load(tmp_path / "run"))
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_save_cut_between_its_renames_is_finished_by_load(result, tmp_path):
    result.save(tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / ".run.old")  # as left by a power cut
    assert_same(result, load(tmp_path / "run"))


def test_folders_that_are_no_results_are_neither_read_nor_overwritten(result, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear diary")
    with pytest.raises(DataError, match=r"holds no result\.json"):
        load(tmp_path / "notes")
    with pytest.raises(FileExistsError, match="give another folder"):
        result.save(tmp_path / "notes")
    assert (tmp_path / "notes" / "diary.txt").exists()
    folder = result.save(tmp_path / "run")
    head = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**head, "format": 99}))
    with pytest.raises(DataError, match="format 99"):
        load(folder)


def test_nested_log_values_become_plain():
    date = pd.Timestamp("2021-03-05")
    nested = {"a": np.array([1.5, 2.5]), "b": {date: pd.Series({"x": 1})}, "c": (date, None, {3})}
    day = "2021-03-05T00:00:00"
    assert plain(nested) == {
        "a": [1.5, 2.5], "b": {str(date): {"x": 1}}, "c": [day, None, [3]],
    }  # fmt: skip
    assert plain(pd.DataFrame({"k": [1]})) == {"k": {"0": 1}}
    assert plain(Costs.free())["minimum"] == 0.0


def test_plot_without_matplotlib_names_the_extra(result, monkeypatch):
    monkeypatch.delitem(sys.modules, "backtest.plots", raising=False)
    monkeypatch.delattr(backtest, "plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"\[plot\] extra"):
        result.plot()
