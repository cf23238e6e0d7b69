"""Graphs of stocks: who is a neighbour of whom on a day, by what was known at its close."""

from alpha.graphs.checks import checked, describe
from alpha.graphs.comovement import Comovement, correlation, lead_lag
from alpha.graphs.concepts import SharedConcepts
from alpha.graphs.graph import BoundGraph, Graph
from alpha.graphs.groups import Groups, from_labels, industry
from alpha.graphs.memberships import Concepts
from alpha.graphs.plots import plot_neighbourhood
from alpha.graphs.relations import Relations
from alpha.graphs.shareholders import shareholders

__all__ = [
    "BoundGraph",
    "Comovement",
    "Concepts",
    "Graph",
    "Groups",
    "Relations",
    "SharedConcepts",
    "checked",
    "correlation",
    "describe",
    "from_labels",
    "industry",
    "lead_lag",
    "plot_neighbourhood",
    "shareholders",
]
