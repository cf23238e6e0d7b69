"""Memberships by date, and the layers that make and read concepts."""

import numpy as np
import pandas as pd
import pytest
import torch

from alpha.graphs import Concepts
from alpha.nn.concepts import (
    HiddenConcepts,
    PredefinedConcepts,
    SharedPart,
    among,
    concept_sums,
    cosine_read,
    hidden_concepts,
    member_weights,
    nearest,
)
from alpha.settings import plain
from tests.alpha.worlds import bars_market

# Three stocks, two concepts, market values in CNY; the numbers of the specification.
X = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
MEMBERS = torch.tensor([[0, 1, 1, 2], [0, 0, 1, 1]])
VALUE = torch.tensor([3e9, 1e9, 2e9])
# Four stocks whose nearest others are 1, 0, 3, 2.
FOUR = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.2]])


def close(found, wanted):
    torch.testing.assert_close(found, torch.tensor(wanted), rtol=0, atol=2e-6)


def identity(linear):
    torch.nn.init.eye_(linear.weight)
    torch.nn.init.zeros_(linear.bias)
    return linear


def test_a_concept_is_the_mean_of_its_members_by_market_value():
    weights = member_weights(MEMBERS, VALUE, 2, "paper")
    close(weights, [0.75, 0.25, 1 / 3, 2 / 3])
    close(concept_sums(X, MEMBERS, weights, 2), [[0.75, 0.25], [2 / 3, 1.0]])
    sums = torch.zeros(2).index_add(0, MEMBERS[1], weights)
    close(sums, [1.0, 1.0])


def test_the_ports_weigh_members_by_size_plus_one():
    close(member_weights(MEMBERS, VALUE, 2, "repo"), [3 / 5, 1 / 5, 1 / 4, 2 / 4])
    close(member_weights(MEMBERS, None, 2, "qlib"), [1 / 3, 1 / 3, 1 / 3, 1 / 3])


def test_the_correction_and_the_way_back_give_the_numbers_worked_by_hand():
    initial = concept_sums(X, MEMBERS, member_weights(MEMBERS, VALUE, 2, "paper"), 2)
    corrected = cosine_read(initial, X)
    close(corrected, [[0.78564, 0.596526], [0.65729, 0.740298]])
    shared = cosine_read(X, corrected)
    close(shared, [[0.72571, 0.663657], [0.716882, 0.673545], [0.721225, 0.668681]])


def test_the_layer_of_each_variant_follows_its_own_recipe():
    paper = PredefinedConcepts(2, "paper")
    identity(paper.project[0])
    close(paper(X, MEMBERS, VALUE), [[0.78564, 0.596526], [0.65729, 0.740298]])

    initial = torch.tensor([[3 / 5, 1 / 5], [1 / 2, 3 / 4]])
    by_products = torch.softmax(initial @ X.T, dim=1) @ X
    torch.testing.assert_close(PredefinedConcepts(2, "repo")(X, MEMBERS, VALUE), by_products)

    close(PredefinedConcepts(2, "qlib")(X, MEMBERS, None), [[1 / 3, 1 / 3], [1 / 3, 2 / 3]])
    assert not list(PredefinedConcepts(2, "qlib").parameters())


def test_each_stock_links_to_the_nearest_other_and_owners_join_their_own_concept():
    assert nearest(FOUR)[:, 0].tolist() == [1, 0, 3, 2]
    wanted = [[1.894495, 0.099388], [1.893884, 0.1], [-0.196116, 1.039223], [-1.0, 0.396116]]
    close(hidden_concepts(FOUR), wanted)


def test_a_stock_whose_likeness_to_all_others_is_negative_still_links():
    away = torch.tensor([[1.0, 0.0], [-0.9, 0.5], [-0.9, -0.6]])
    assert nearest(away)[:, 0].tolist() == [2, 2, 1]
    cosine = torch.cosine_similarity(away, away[[2]])
    assert cosine[0] < -0.8
    joined = away[2] + cosine[0] * away[0] + cosine[1] * away[1]
    torch.testing.assert_close(hidden_concepts(away)[1], joined)


def test_a_concept_is_dropped_for_having_no_link_and_not_for_summing_to_zero():
    # Stock 2 is nearest to nobody; the concept of stock 0 is (1, -1), whose entries sum to zero.
    x = torch.tensor([[1.0, -1.0], [1.0, -0.9], [0.3, 1.0]])
    assert nearest(x)[:, 0].tolist() == [1, 0, 1]
    found = hidden_concepts(x)
    assert found.shape == (2, 2)
    cancelled = PredefinedConcepts(2, "qlib")(
        torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), torch.tensor([[0, 1], [0, 0]]), None
    )
    close(cancelled, [[0.0, 0.0]])


def test_more_links_are_the_largest_cosines_and_never_oneself():
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
    d = torch.nn.functional.normalize(x, dim=1)
    likeness = (d @ d.T).fill_diagonal_(-np.inf)
    assert torch.equal(nearest(x, 3), likeness.topk(3).indices)
    dense = torch.zeros(40, 40).scatter_(1, nearest(x, 3), likeness.gather(1, nearest(x, 3)))
    linked = (dense != 0).any(dim=0)
    whole = (dense + torch.eye(40)).T @ x
    torch.testing.assert_close(hidden_concepts(x, 3), whole[linked])
    assert nearest(X, 10).sort(dim=1).values.tolist() == [[1, 2], [0, 2], [0, 1]]  # all there are


def test_lone_stocks_and_days_without_concepts_share_nothing():
    assert hidden_concepts(X[:1]).shape == (0, 2)
    back, fore = SharedPart(2, "paper")(X, torch.zeros(0, 2))
    assert not back.any()
    assert not fore.any()
    assert PredefinedConcepts(2, "paper")(X, MEMBERS[:, :0], VALUE).shape == (0, 2)


def test_the_order_and_the_numbers_of_the_concepts_do_not_matter():
    torch.manual_seed(0)
    layer, part = PredefinedConcepts(2, "paper"), SharedPart(2, "paper")
    renamed = torch.stack([MEMBERS[0], 9 - 5 * MEMBERS[1]])[:, [2, 0, 3, 1]]
    renamed = among(renamed, torch.ones(3, dtype=torch.bool))
    first = part(X, layer(X, MEMBERS, VALUE))[1]
    torch.testing.assert_close(part(X, layer(X, renamed, VALUE))[1], first)


def test_a_stock_of_no_concept_reads_the_others_by_likeness():
    x = torch.cat([X, torch.tensor([[2.0, 0.1]])])
    shared = cosine_read(x, PredefinedConcepts(2, "qlib")(x, MEMBERS, None))
    assert shared[3].abs().sum() > 0.5


def test_a_vector_of_zero_has_no_direction_and_a_gradient():
    x = torch.tensor([[0.0, 0.0], [1.0, 2.0], [2.0, -1.0]], requires_grad=True)
    (cosine_read(x, x).sum() + hidden_concepts(x).sum()).backward()
    assert torch.isfinite(x.grad).all()
    close(cosine_read(x, x).detach()[0], [1.0, 1 / 3])


def test_a_low_temperature_reads_the_most_alike_only():
    read = cosine_read(X[:1], X, temperature=0.01)
    close(read, [[1.0, 0.0]])


def test_absent_stocks_leave_the_memberships():
    present = torch.tensor([True, False, True])
    assert among(MEMBERS, present).tolist() == [[0, 1], [0, 1]]
    alone = torch.tensor([False, False, True])
    assert among(MEMBERS, alone).tolist() == [[0], [0]]  # the first concept has nobody left


def test_the_hidden_layer_of_the_ports_has_no_weights():
    assert not list(HiddenConcepts(2, "repo").parameters())
    close(HiddenConcepts(2, "qlib")(FOUR)[0], [1.894495, 0.099388])


@pytest.fixture
def small():
    return bars_market(np.full((6, 3), 10.0))


def frame(**columns):
    base = {"stock": ["SH600000", "SH600000", "SH600001"], "concept": ["ai", "gold", "ai"]}
    return pd.DataFrame(base | columns)


def test_memberships_hold_from_their_day_of_publication_to_their_last_day(small):
    since = small.dates[[1, 0, 2]]
    until = [small.dates[3], pd.NaT, pd.NaT]
    bound = Concepts.from_frame(frame(since=since, until=until), small.stocks).bind(
        small.dates, small.stocks
    )
    everyone = np.arange(3)
    by_day = [set(zip(*bound.members(t, everyone).tolist(), strict=True)) for t in range(6)]
    gold, ai = bound.members(1, everyone)[1][[1, 0]]
    assert by_day[0] == {(0, gold)}
    assert by_day[1] == {(0, gold), (0, ai)}
    assert by_day[3] == {(0, gold), (0, ai), (1, ai)}
    assert by_day[4] == {(0, gold), (1, ai)}
    assert bound.members(4, np.array([1, 2])).tolist() == [[0], [ai]]


def test_a_date_that_is_no_session_takes_effect_on_the_next_one(small):
    friday, monday = small.dates[1], small.dates[2]
    assert (monday - friday).days == 3
    table = frame(since=friday + pd.Timedelta(days=1)).iloc[:1]
    bound = Concepts.from_frame(table, small.stocks).bind(small.dates, small.stocks)
    assert [bound.members(t, np.arange(3)).shape[1] for t in (1, 2)] == [0, 1]


def test_labels_are_concepts_that_a_stock_changes(small):
    codes = np.array([[0, 1, -1], [0, 1, -1], [0, 0, 2], [0, 0, -1], [0, 0, -1], [1, 0, -1]])
    labels = pd.DataFrame(codes.astype(np.int8), index=small.dates, columns=small.stocks)
    concepts = Concepts.from_labels(labels)
    bound = concepts.bind(small.dates, small.stocks)
    for t, row in enumerate(codes):
        found = np.full(3, -1)
        stock, concept = bound.members(t, np.arange(3))
        found[stock] = [int(concepts.names[k]) for k in concept]
        assert found.tolist() == row.tolist()


def test_a_snapshot_has_to_be_asked_for_and_is_told(small):
    with pytest.raises(ValueError, match="no column since"):
        Concepts.from_frame(frame(), small.stocks)
    with pytest.warns(UserWarning, match="3 memberships: they have no history"):
        snapshot = Concepts.from_frame(frame(), small.stocks, point_in_time=False)
    assert not snapshot.point_in_time
    assert "one snapshot for all days" in repr(snapshot)
    assert plain(snapshot)["point_in_time"] is False
    assert snapshot.bind(small.dates, small.stocks).members(0, np.arange(3)).shape == (2, 3)
    with pytest.raises(ValueError, match="would throw away"):
        Concepts.from_frame(frame(since=small.dates[0]), small.stocks, point_in_time=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"stock": ["SH600000", "SH600009", "SH600001"]},
            "1 of 3 names are unknown, first .'SH600009'",
        ),
        ({"concept": ["ai", "", "ai"]}, "empty concept"),
        ({"concept": ["ai", "ai", "ai"]}, "begin before the one before"),
        ({"since": [pd.NaT] * 3}, "have no since"),
        ({"until": pd.Timestamp("2010-01-01")}, "end before they begin"),
        ({"published": pd.Timestamp("2016-01-01")}, "used before they were published"),
    ],
)
def test_memberships_that_cannot_be_are_refused(small, change, message):
    with pytest.raises(ValueError, match=message):
        Concepts.from_frame(frame(**({"since": small.dates[0]} | change)), small.stocks)
    with pytest.raises(ValueError, match=r"columns \['concept'\] are missing"):
        Concepts.from_frame(frame().drop(columns="concept"), small.stocks)
