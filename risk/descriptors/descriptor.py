"""What a descriptor is: a function of a block, and the fields it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from risk.arrays import Floats
from risk.descriptors.block import Block


@dataclass(frozen=True)
class Descriptor:
    """How a descriptor is computed from a block.

    Attributes
    ----------
    compute
        Block to values ``[size, N]``.
    needs, or_else
        Fields it needs; fields of a second definition that serves where the first cannot.
    helps
        Fields it uses where they exist.
    lookback
        Rows before the first described one that it reads.
    net_of_size
        Its part explained by size is taken out before it is combined.
    """

    compute: Callable[[Block], Floats]
    needs: tuple[str, ...] = ()
    or_else: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    lookback: int = 0
    net_of_size: bool = False

    def possible(self, fields: Iterable[str]) -> bool:
        """Tell whether some definition has its fields."""
        there = set(fields)
        return set(self.needs) <= there or (bool(self.or_else) and set(self.or_else) <= there)

    @property
    def reads(self) -> tuple[str, ...]:
        """All fields it may read."""
        return self.needs + self.or_else + self.helps


def fiscal(name: str, years: int = 5) -> tuple[str, ...]:
    """Name the fields of an item's fiscal years, newest first.

    Examples
    --------
    >>> fiscal("sales", 2)
    ('sales_fy1', 'sales_fy2')
    """
    return tuple(f"{name}_fy{k}" for k in range(1, years + 1))
