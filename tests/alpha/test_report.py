"""The page: read back by a parser, its tables filled, its pictures whole, nothing from outside."""

import base64

import numpy as np
import pytest

import alpha
from alpha import evaluate, published
from alpha.labels import fwd10
from tests.page_reader import Reader


@pytest.fixture(scope="module")
def made(world, tmp_path_factory):
    outcome = fwd10.values(world)
    noise = np.random.default_rng(0).normal(size=(2, *outcome.shape))
    models = {
        name: (20 * k * outcome.fillna(0.0) + noise[k])
        .where(world.values("volume") > 0)
        .iloc[-200:]
        for k, name in enumerate(["none", "some <skill>"])
    }
    path = tmp_path_factory.mktemp("report") / "deep" / "page.html"
    tables = alpha.report(models, world, path, label=fwd10, settings={"columns": "20 & more"})
    return tables, Reader(path.read_text(encoding="utf-8")), models


def test_the_page_needs_nothing_from_outside(made):
    _, page, _ = made
    assert page.addresses
    assert all(a.startswith(("data:image/png;base64,", "#")) for a in page.addresses)


def test_every_picture_is_a_whole_png_with_ink_on_it(made):
    _, page, _ = made
    assert len(page.images) == 12
    for image in page.images:
        content = base64.b64decode(image.split(",")[1], validate=True)
        assert content.startswith(b"\x89PNG")
        assert content.endswith(b"IEND\xaeB`\x82")
        assert len(content) > 5_000


def test_tables_are_filled_and_are_those_returned(made):
    tables, page, _ = made
    assert page.captions == list(tables)
    for rows, table in zip(page.tables, tables.values(), strict=True):
        width = table.index.nlevels + len(table.columns)
        assert {len(row) for row in rows} == {width}
        assert len(rows) - 1 >= len(table) > 0
        assert any(cell for row in rows[1:] for cell in row[table.index.nlevels :])


def test_a_cell_is_its_number(made, world):
    tables, page, models = made
    rows = page.tables[page.captions.index("League, csi300")]
    row = next(r for r in rows if r[0] == "some <skill>")
    inside = evaluate.within(models["some <skill>"], world.index("csi300"))
    exact = evaluate.rank_ic(inside, fwd10.values(world), 10).mean()
    assert row[rows[0].index("rank_ic")] == f"{exact:.4f}"
    assert tables["League, csi300"].loc["some <skill>", "rank_ic"] == pytest.approx(exact)
    turnover = tables["League, csi300"].loc["none", "turnover"]
    assert next(r for r in rows if r[0] == "none")[rows[0].index("turnover")] == f"{turnover:.1%}"


def test_printed_figures_stand_beside_and_are_marked(made):
    _, page, _ = made
    rows = page.tables[page.captions.index("League, csi1000")]
    assert [r[0] for r in rows[1:]] == ["none", "some <skill>", "GRU", "ASTGNN"]
    assert rows[4][1:3] == ["0.1527", "1.41"]
    assert page.kinds.count("published") == 6 + 2 + 2 + 2 + 3


def test_notes_settings_and_sources_are_told(made, world):
    _, page, _ = made
    assert world.notes
    for note in world.notes:
        assert f"note on the data: {note}" in page.items
    assert "columns: 20 & more" in page.items
    assert published.ASTGNN in page.items


def test_a_model_that_scores_all_stocks_alike_has_its_page_and_no_comparison(world, made, tmp_path):
    alike = made[2]["none"].iloc[:60] * 0.0
    path = tmp_path / "alike.html"
    models = {"alike": alike, "again": alike + 1.0}
    tables = alpha.report(models, world, path, label=fwd10, indexes=())
    assert tables["League, all"]["rank_ic"].isna().all()
    assert (tables["League, all"]["days"] == 0).all()
    assert "Paired test of RankIC" not in tables
    assert "nan" not in path.read_text(encoding="utf-8").split("<table>", 1)[1].split("<img")[0]


def test_a_report_needs_a_label_and_models(made, world, tmp_path):
    _, _, models = made
    with pytest.raises(ValueError, match=r"give label=alpha\.labels\.fwd10"):
        alpha.report(models, world, tmp_path / "page.html")
    with pytest.raises(ValueError, match="no models"):
        alpha.report({}, world, tmp_path / "page.html", label=fwd10)
    assert list(tmp_path.iterdir()) == []


def test_printed_tables_are_as_wide_as_their_columns():
    assert published.daily().loc["GATs K=1", "long-average"] == 0.4475
    assert published.weekly().loc[("csi300", "ASTGNN"), "turnover"] == 0.4394
    assert published.yearly_rank_ic().loc["2021", "LightGBM"] == 0.07
    assert published.yearly_excess().loc["2018", "ASTGNN"] == 0.9712
    falling = published.groups()["ASTGNN week"]
    assert falling.is_monotonic_decreasing
    assert falling.iloc[[0, -1]].tolist() == [0.3644, -0.5935]
