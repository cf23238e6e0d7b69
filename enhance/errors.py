"""What can go wrong in an optimisation. Misfitting inputs raise ``market.DataError`` at the door."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enhance.diagnose import Diagnosis
    from enhance.solution import Solution


class InfeasibleError(RuntimeError):
    """No portfolio meets all limits. ``diagnosis`` says which conflict and what could be met.

    Recoverable by loosening a named limit to the quoted value, or by ``relax=``.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(str(diagnosis))
        self.diagnosis = diagnosis


class SolverError(RuntimeError):
    """The solver gave no usable answer, or one that failed the independent check.

    ``solution`` is the answer that failed, for inspection; it refuses to give its weights.
    Recoverable by another solver or by better scaled inputs.
    """

    def __init__(self, message: str, solution: Solution | None = None) -> None:
        super().__init__(message)
        self.solution = solution
