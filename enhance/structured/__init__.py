"""The standard problem by its structure: an interior point with no sparse or N x N algebra in it.

``standard`` reads a problem as a ``Form`` where it has that shape, ``answer`` solves it (sifted from the
``State`` of last week, else cold, else by Clarabel) and verifies, ``shadow_prices`` gives the prices by
name. ``enhance.optimize`` comes here by itself; see ``solver=``.
"""

from enhance.structured.chain import Answer, answer
from enhance.structured.form import Form, Multipliers
from enhance.structured.prices import shadow_prices
from enhance.structured.standard import Standard, standard
from enhance.structured.state import State

__all__ = [
    "Answer",
    "Form",
    "Multipliers",
    "Standard",
    "State",
    "answer",
    "shadow_prices",
    "standard",
]
