"""Objectives that are not one concave program but a few, answered under the same limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from enhance.constraint import Constraint
from enhance.objective import Objective
from enhance.relax import Ladder
from enhance.solution import Solution

Solver = Callable[[Objective, Sequence[Constraint], Ladder], Solution]


@dataclass
class Stages:
    """Answers one concave objective after another; limits that have to give, give once.

    Attributes
    ----------
    solve
        Answers an objective under limits and a ladder.
    constraints, relax
        The limits asked for, and the kinds that may give.
    answers
        What was answered so far.
    """

    solve: Solver
    constraints: Sequence[Constraint]
    relax: Ladder
    answers: list[Solution] = field(default_factory=list)

    def __call__(self, stage: Objective) -> Solution:
        """Answer the next objective."""
        names = any(c.discrete for c in self.constraints)  # chosen anew for every objective
        if self.answers and not names:
            answer = self.solve(stage, self.answers[0].constraints, ())
        else:
            answer = self.solve(stage, self.constraints, self.relax)
        self.answers.append(answer)
        return answer

    def finished(self, solution: Solution, **changes: Any) -> Solution:
        """Return the last answer as that of the whole: with what gave at first, and all the work."""
        first = self.answers[0]
        return replace(
            solution,
            relaxations={**first.relaxations, **solution.relaxations},
            status="relaxed" if first.relaxations else solution.status,
            seconds=sum(answer.seconds for answer in self.answers),
            iterations=sum(answer.iterations for answer in self.answers),
            **changes,
        )
