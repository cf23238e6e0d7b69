"""The league table: every cell is what a direct call gives; universes, years and samples are honest."""

import numpy as np
import pandas as pd
import pytest

import alpha
from alpha import evaluate, published
from alpha.labels import fwd10, vwap_1
from market import DataError


@pytest.fixture(scope="module")
def scores(world):
    """Some skill on 260 sessions that end with the data, and the same with its sign turned."""
    outcome = fwd10.values(world)
    noise = np.random.default_rng(0).normal(size=outcome.shape)
    signal = outcome.sub(outcome.mean(axis=1), axis=0).div(outcome.std(axis=1), axis=0).fillna(0.0)
    table = (0.1 * signal + noise).where(world.values("volume") > 0).iloc[-260:]
    return {"good": table, "bad": -table}


@pytest.fixture(scope="module")
def table(scores, world):
    return evaluate.league(scores, world, fwd10)


def test_universes_models_and_years_are_all_there(table, world):
    universes = table.index.unique("universe").tolist()
    assert universes == ["all", "csi300", "csi500", "csi1000"]
    assert set(universes[1:]) == set(world.indexes)
    years = sorted({str(year) for year in world.dates[-260:].year})
    assert table.loc[("csi300", "good")].index.tolist() == [*years, "all"]


def test_cells_are_what_direct_calls_give(table, scores, world):
    inside = evaluate.within(scores["good"], world.index("csi500"))
    rank_ic = evaluate.rank_ic(inside, fwd10.values(world), every=10)
    row = table.loc[("csi500", "good", "all")]
    assert row["rank_ic"] == pytest.approx(rank_ic.mean())
    assert row["icir"] == pytest.approx(rank_ic.mean() / rank_ic.std())
    assert row["positive"] == pytest.approx((rank_ic.dropna() > 0).mean())
    daily = evaluate.rank_ic(inside, fwd10.values(world))
    assert row["rank_ic_daily"] == pytest.approx(daily.mean())
    held = evaluate.groups(inside, world.returns(), 5)
    excess = evaluate.performance(held.excess()[1])
    assert row["excess"] == pytest.approx(excess["annual"])
    assert row["drawdown"] == pytest.approx(excess["drawdown"])
    assert row["turnover"] == pytest.approx(held.turnover[1].mean())
    assert row["stocks"] == pytest.approx(inside.notna().sum(axis=1).mean())


def test_a_year_is_the_part_of_the_whole_that_lies_in_it(table, scores, world):
    year = str(world.dates[-100].year)
    held = evaluate.groups(scores["good"], world.returns(), 20)
    excess = held.excess()[1]
    part = evaluate.performance(excess[excess.index.year == int(year)])
    assert table.loc[("all", "good", year), "excess"] == pytest.approx(part["annual"])
    turned = held.turnover[1]
    assert table.loc[("all", "good", year), "turnover"] == pytest.approx(
        turned[turned.index.year == int(year)].mean()
    )


def test_a_year_too_short_for_a_sampled_date_is_there_all_the_same(table, world):
    row = table.loc[("all", "good", str(world.dates[-1].year))]
    assert row["days"] == 0
    assert np.isfinite(row["excess"])


def test_ten_day_samples_take_every_tenth_date_and_end_where_labels_do(table, world):
    sampled = world.dates[-260:][::10]
    measured = sampled[sampled <= world.dates[-1 - fwd10.horizon]]
    assert len(measured) == 25
    assert table.loc[("all", "good", "all"), "days"] == len(measured)


def test_a_reversed_score_is_as_bad_as_the_score_is_good(table):
    good, bad = table.xs("good", level="model"), table.xs("bad", level="model")
    np.testing.assert_allclose(good["rank_ic"], -bad["rank_ic"], atol=1e-12)
    assert good.loc[("all", "all"), "rank_ic"] > 0.03


def test_the_step_follows_the_label_unless_it_is_given(scores, world):
    daily = evaluate.league({"good": scores["good"]}, world, vwap_1, indexes=())
    assert daily.loc[("all", "good", "all"), "days"] == 258
    some = evaluate.league({"good": scores["good"]}, world, vwap_1, indexes=(), every=100)
    assert some.loc[("all", "good", "all"), "days"] == 3


def test_other_deal_prices_move_the_groups_and_not_the_correlations(scores, world):
    one = {"good": scores["good"].iloc[:60]}
    close = evaluate.league(one, world, fwd10, indexes=())
    opened = evaluate.league(one, world, fwd10, indexes=(), price="open")
    assert close["rank_ic"].equals(opened["rank_ic"])
    price = world.adjusted("open").where(world.values("volume") > 0)
    returns = price / price.ffill().shift(1) - 1
    held = evaluate.groups(one["good"], returns.where(price.notna()), 20)
    assert opened["excess"].iloc[-1] == pytest.approx(
        evaluate.performance(held.excess()[1])["annual"], rel=1e-4
    )


def test_within_keeps_members_on_their_dates_only(scores, world):
    index = world.index("csi300")
    kept = evaluate.within(scores["good"], index)
    member = pd.DataFrame(index.member, world.dates, world.stocks).loc[kept.index]
    pd.testing.assert_frame_equal(kept, scores["good"].where(member))
    assert kept.notna().sum().sum() < scores["good"].notna().sum().sum()


def test_what_is_not_of_the_market_is_named(scores, world):
    stranger = scores["good"].rename(columns={world.stocks[0]: "SH999999"})
    with pytest.raises(ValueError, match=r"1 of 120 scored stocks are not in the market.*SH999999"):
        evaluate.league({"a": stranger}, world, fwd10)
    with pytest.raises(ValueError, match="1 of 120 stocks of the scores are not in the market of"):
        evaluate.within(stranger, world.index("csi300"))
    sunday = scores["good"].set_axis(scores["good"].index.shift(1, "W"), axis=0)
    with pytest.raises(DataError, match="session"):
        evaluate.league({"a": sunday}, world, fwd10)
    with pytest.raises(DataError, match="csi999"):
        evaluate.league(scores, world, fwd10, indexes=["csi999"])
    with pytest.raises(ValueError, match="no models"):
        evaluate.league({}, world, fwd10)
    with pytest.raises(ValueError, match="named 'all'"):
        evaluate.league(scores, world, fwd10, indexes=["all"])


def test_decay_is_rank_ic_with_labels_of_each_horizon(scores, world):
    found = evaluate.decay(scores, world, horizons=(1, 10), every=5)
    held = evaluate.rank_ic(scores["good"], fwd10.values(world), every=5)
    assert found.loc[10, ("rank_ic", "good")] == pytest.approx(held.mean())
    assert found.loc[10, ("icir", "good")] == pytest.approx(held.mean() / held.std())
    tenth = alpha.Label("tenth", horizon=11, entry=10).values(world)
    alone = evaluate.rank_ic(scores["good"], tenth, every=5).mean()
    assert found.loc[10, ("alone", "good")] == pytest.approx(alone)
    assert found.loc[1, ("rank_ic", "good")] == found.loc[1, ("alone", "good")]
    assert found.loc[10, ("rank_ic", "good")] > found.loc[10, ("alone", "good")]
    with pytest.raises(ValueError, match=r"horizons are \(0, 5\)"):
        evaluate.decay(scores, world, horizons=(0, 5))


def test_the_quintile_test_adds_up_daily_groups(scores, world):
    outcome = vwap_1.values(world)
    found = evaluate.one_day(scores["good"], outcome)
    groups = evaluate.quantile_returns(scores["good"], outcome).dropna()
    for group in range(1, 6):
        assert found[f"G{group}"] == pytest.approx(groups[group].mean() * 252)
    assert found["long-short"] == pytest.approx(found["G1"] - found["G5"])
    over = groups[1] - groups.mean(axis=1)
    assert found["IR"] == pytest.approx(over.mean() / over.std() * 252**0.5)
    assert found["ICIR"] == pytest.approx(
        evaluate.summary(evaluate.ic(scores["good"], outcome))["icir"]
    )
    assert list(found.index) == list(published.DAILY_COLUMNS)
