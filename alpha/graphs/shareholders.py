"""Relations by ownership: stocks with a holder in common, and listed companies that own each other."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.dates import ALWAYS, spans
from alpha.graphs.relations import Relations, blank
from market import DataError

COMMON, OWNER, OWNED = "common holder", "owner", "owned"


def shareholders(
    table: pd.DataFrame,
    stocks: pd.Index,
    *,
    largest: int = 50,
    point_in_time: bool = True,
    name: str = "shareholders",
) -> Relations:
    """Relations from lists of holders.

    Parameters
    ----------
    table
        A holding a row: ``stock``, ``holder`` (a name), ``since`` (the day the list was published),
        ``until`` (optional), and ``holder_stock`` (optional), the code of a holder that is listed itself.
        Without ``until`` a list holds until the stock's next one.
    stocks
        All codes that may be named, such as ``market.stocks``.
    largest
        A holder of more stocks than this on the day a relation would begin (a clearing house, an index
        fund) links no stocks.
    point_in_time
        As in :meth:`Relations.from_frame`.

    Returns
    -------
    Relations
        Of kinds ``common holder`` (weight: how many), ``owner`` (from a company to what it owns), and
        ``owned`` (the reverse).

    Raises
    ------
    DataError
        As :meth:`Relations.from_frame`; a holding without its stock or holder; no relation at all.
    """
    missing = [c for c in ("stock", "holder") if c not in table.columns]
    if missing or table.empty:
        raise DataError(
            f"shareholder table: {len(table)} rows, without columns {missing}; it has "
            f"{list(table.columns)} and needs rows of stock, holder, since"
        )
    for column in ("stock", "holder"):
        _check_named(table, column)
    first, last = spans(table, "shareholder table", point_in_time)
    held = pd.DataFrame({"stock": table["stock"], "holder": table["holder"]})
    held["first"], held["last"] = first.astype(np.int64), last.astype(np.int64)
    if point_in_time and "until" not in table.columns:
        held["last"] = _until_the_next(held)
    found = [_common(_joined(held, ["stock", "holder"]), largest)]
    if "holder_stock" in table.columns:
        owners = held.assign(holder=table["holder_stock"])[table["holder_stock"].notna()]
        found.append(_owned(_joined(owners, ["stock", "holder"])))
    pairs = pd.concat(found, ignore_index=True)
    if pairs.empty:
        raise DataError(
            f"shareholder table: no relation in {len(table)} holdings: no holder has two stocks at a "
            f"time (and at most {largest}); raise largest, or see whether holders are spelt alike"
        )
    return Relations.from_frame(
        _dated(pairs, point_in_time), stocks, name=name, undirected=False,
        point_in_time=point_in_time, kinds=(COMMON, OWNER, OWNED),
    )  # fmt: skip


def _check_named(table: pd.DataFrame, column: str) -> None:
    """Blank names are no data: stocks whose holder is not known have none in common."""
    empty = blank(table[column])
    if empty.any():
        raise DataError(
            f"shareholder table: {int(empty.sum())} of {len(table)} holdings have a blank {column}, "
            f"first at row {table.index[empty][0]}, of stock {table['stock'][empty].iloc[0]}; find the "
            "names, or drop these rows"
        )


def _until_the_next(held: pd.DataFrame) -> pd.Series:
    """Last day of each list: the day before the stock's next one."""
    lists = held[["stock", "first"]].drop_duplicates().sort_values(["stock", "first"])
    lists["last"] = lists.groupby("stock")["first"].shift(-1, fill_value=ALWAYS)
    lists.loc[lists["last"] < ALWAYS, "last"] -= 1
    return held[["stock", "first"]].merge(lists, how="left").set_axis(held.index)["last"]


def _joined(held: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Make one span of spans that touch or overlap."""
    held = held.sort_values([*by, "first"])
    latest = held.groupby(by)["last"].cummax()
    before = latest.groupby([held[c] for c in by]).shift(fill_value=-2 * ALWAYS)
    fresh = held["first"] > before + 1
    return (
        held.assign(span=fresh.cumsum())
        .groupby([*by, "span"], as_index=False)
        .agg(first=("first", "min"), last=("last", "max"))
        .drop(columns="span")
    )


def _common(held: pd.DataFrame, largest: int) -> pd.DataFrame:
    """Pairs of stocks that a holder has at a time, both ways, and how many holders do."""
    held = held.sort_values(["holder", "first", "stock"]).reset_index(drop=True)
    held["place"] = np.arange(len(held))
    late = held[_stocks_held(held) <= largest]
    pairs = late.merge(held, on="holder", suffixes=("", "_before"))
    # each pair once, from its later row, on whose first day the holder's stocks were counted
    at_a_time = (pairs["place_before"] < pairs["place"]) & (pairs["last_before"] >= pairs["first"])
    pairs = pairs[at_a_time & (pairs["stock"] != pairs["stock_before"])]
    one = pd.DataFrame({"source": pairs["stock"], "target": pairs["stock_before"]})
    one["first"], one["last"] = pairs["first"], pairs[["last", "last_before"]].min(axis=1)
    both = pd.concat([one, one.rename(columns={"source": "target", "target": "source"})])
    counted = both.groupby(["source", "target", "first", "last"], as_index=False).size()
    return counted.rename(columns={"size": "weight"}).assign(kind=COMMON)


def _stocks_held(held: pd.DataFrame) -> NDArray[np.int64]:
    """How many stocks the holder of each row has on the first day of the row."""
    first, last = held["first"].to_numpy(), held["last"].to_numpy()
    count = np.empty(len(held), np.int64)
    for rows in held.groupby("holder").indices.values():
        begun = np.searchsorted(np.sort(first[rows]), first[rows], side="right")
        count[rows] = begun - np.searchsorted(np.sort(last[rows]), first[rows])
    return count


def _owned(held: pd.DataFrame) -> pd.DataFrame:
    """Listed owners and what they own, as two directed kinds."""
    down = pd.DataFrame({"source": held["holder"], "target": held["stock"]})
    down["first"], down["last"], down["weight"] = held["first"], held["last"], 1
    up = down.rename(columns={"source": "target", "target": "source"})
    return pd.concat([down.assign(kind=OWNER), up.assign(kind=OWNED)])


def _dated(pairs: pd.DataFrame, point_in_time: bool) -> pd.DataFrame:
    """Days since 1970 as dates again."""
    if not point_in_time:
        return pairs.drop(columns=["first", "last"])
    open_ended = pairs["last"] == ALWAYS
    until = pd.to_datetime(pairs["last"].where(~open_ended, 0), unit="D").where(~open_ended)
    since = pd.to_datetime(pairs["first"], unit="D")
    return pairs.drop(columns=["first", "last"]).assign(since=since, until=until)
