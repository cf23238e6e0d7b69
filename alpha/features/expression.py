"""Formulas as text: ``"std(close, 20) / close"`` becomes a tree that knows its fields and windows.

Text can be printed, compared and stored, and it can be planned: equal parts of many formulas are computed
once, and all windows of one series in one pass.
"""

import ast
from dataclasses import dataclass

from alpha.features.operators import ACROSS, POINTWISE, ROLLING, SYMBOLS


@dataclass(frozen=True)
class Node:
    """A field, a number, or an operator with its series (``parts``) and its numbers (``numbers``)."""

    name: str  # of the operator or the field; "number" for a constant
    parts: tuple["Node", ...] = ()
    numbers: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        # Trees are looked up by the thousand when formulas are planned: hash each once
        object.__setattr__(self, "_hash", hash((self.name, self.parts, self.numbers)))

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined]

    @property
    def is_field(self) -> bool:
        return not self.parts and not self.numbers

    @property
    def window(self) -> int:
        """Sessions that a rolling operator, or a lag, looks at."""
        return int(self.numbers[0])

    def __str__(self) -> str:
        """The formula in the form ``operator(series, number)``."""
        if self.name == "number":
            return f"{self.numbers[0]:g}"
        inside = [str(part) for part in self.parts] + [f"{number:g}" for number in self.numbers]
        return f"{self.name}({', '.join(inside)})" if inside else self.name


def parse(text: str) -> Node:
    """Read a formula.

    Fields are names: ``open``, ``high``, ``low``, ``close``, ``vwap`` (adjusted prices), ``volume``
    (adjusted), and every other field of the market as it is stored. Operators are listed in
    :mod:`alpha.features.operators`; ``+ - * / **``, comparisons (1 or 0) and ``a if condition else b`` work
    by stock and date.

    Raises
    ------
    ValueError
        The text is no formula, an operator is unknown, or a window is not a whole number of sessions.

    Examples
    --------
    >>> parse("lag(close, 5) / close").parts[0].window
    5
    """
    try:
        return _read(ast.parse(text.strip(), mode="eval").body, text)
    except SyntaxError as error:
        raise ValueError(
            f"formula {text!r} cannot be read at column {error.offset}: {error.msg}"
        ) from None


def _read(tree: ast.expr, text: str) -> Node:
    match tree:
        case ast.Name(id=name):
            return Node(name)
        case ast.Constant(value=int() | float() as value):
            return Node("number", numbers=(float(value),))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return Node("number", numbers=(-float(value),))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Node("negative", (_read(operand, text),))
        case ast.BinOp(left=left, op=op, right=right) if type(op).__name__ in SYMBOLS:
            return Node(SYMBOLS[type(op).__name__], (_read(left, text), _read(right, text)))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op).__name__ in SYMBOLS:
            return Node(SYMBOLS[type(op).__name__], (_read(left, text), _read(right, text)))
        case ast.IfExp(test=test, body=body, orelse=other):
            return Node("where", (_read(test, text), _read(body, text), _read(other, text)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _call(name, [_read(a, text) for a in args], text)
    raise ValueError(
        f"formula {text!r}: {ast.unparse(tree)!r} is no field, number, operator or comparison of two"
    )


def _call(name: str, args: list[Node], text: str) -> Node:
    series = {**{k: v.series for k, v in ROLLING.items()}, "lag": 1, "delta": 1}
    if name in POINTWISE or name in ACROSS:
        wanted = 1 if name in ACROSS else POINTWISE[name].nin
        if len(args) != wanted:
            raise ValueError(f"formula {text!r}: {name} takes {wanted} series, not {len(args)}")
        return Node(name, tuple(args))
    if name not in series:
        known = sorted([*series, *ACROSS, *(n for n in POINTWISE if n not in SYMBOLS.values())])
        raise ValueError(f"formula {text!r}: there is no operator {name!r}; have {known}")
    parts, rest = args[: series[name]], args[series[name] :]
    numbers = tuple(number for arg in rest for number in arg.numbers if arg.name == "number")
    count = 2 if name == "quantile" else 1
    if len(parts) != series[name] or len(rest) != count or len(numbers) != count:
        raise ValueError(
            f"formula {text!r}: {name} takes {series[name]} series and {count} number(s), the first "
            f"the window in sessions; like {name}({', '.join(['close', 'volume'][: series[name]])}, 20"
            f"{', 0.8' if count == 2 else ''})"
        )
    if numbers[0] < 1 or numbers[0] != int(numbers[0]):
        raise ValueError(
            f"formula {text!r}: the window of {name} is {numbers[0]:g}; use a whole number from 1 on"
        )
    if name == "delta":
        return Node("subtract", (parts[0], Node("lag", tuple(parts), numbers)))
    return Node(name, tuple(parts), numbers)
