"""What the report says, in English or Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backtest.words import WORDS

LANGUAGES = ("en", "zh")

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Labels:
    """The words of one language.

    >>> Labels("zh")("tracking_error"), Labels("en")("warn_failed", count=2, total=6)
    ('实现跟踪误差', '2 of 6 cells failed')

    Raises
    ------
    ValueError
        A language that is not in ``LANGUAGES``.
    """

    language: str = "en"

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ValueError(f"language {self.language!r} is unknown; use one of {LANGUAGES}")

    def __call__(self, key: object, **values: object) -> str:
        """Return the words for a key; what has none (a factor, a setting) keeps its name."""
        text = str(key)
        kind, _, reason = text.partition(": ")
        if kind == "refused":  # a part of an attribution
            return self("refused_part", reason=self(reason))
        if text not in WORDS:
            return text if "." in text or not text.isascii() else text.replace("_", " ")
        return WORDS[text][LANGUAGES.index(self.language)].format(**values)

    def part(self, name: object) -> str:
        """Return the words for a part of an excess: a factor, or another one."""
        factor = f"factor.{name}"
        return self(factor if factor in WORDS else name)

    def limit(self, column: str) -> str:
        """Return the words for a column ``limit.<name>`` of a sweep."""
        name = column.removeprefix("limit.")
        own = f"{name}_limit"
        return self(own) if own in WORDS else self("any_limit", name=self(name))

    def months(self) -> Sequence[str]:
        """Return the short names of the twelve months."""
        return _MONTHS if self.language == "en" else [f"{k}月" for k in range(1, 13)]
