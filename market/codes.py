"""One spelling for instrument codes, whatever the source writes."""

from __future__ import annotations

import re

from market.errors import DataError

_PREFIXED = re.compile(r"^(SH|SZ|BJ)[.\-_]?(\d{6})$")
_SUFFIXED = re.compile(r"^(\d{6})[.\-_]?(SH|SS|SZ|BJ|XSHG|XSHE)$")
_EXCHANGE = {"SS": "SH", "XSHG": "SH", "XSHE": "SZ"}
_INDEX_NAMES = {"SH000300": "csi300", "SH000905": "csi500", "SH000852": "csi1000"}


def is_index_code(code: str) -> bool:
    """Tell whether a normalised code is an index: Shanghai's 000 and Shenzhen's 399 numbers."""
    return code.startswith(("SH000", "SZ399"))


def index_name(code: str) -> str:
    """Return the name of an index in a market: ``csi300`` for ``SH000300``, else the code itself."""
    return _INDEX_NAMES.get(code, code)


def normalise_code(code: str) -> str:
    """Return the code as exchange prefix and six digits.

    ``600519.SH``, ``sh.600519``, ``600519.XSHG`` and ``SH600519`` all become ``SH600519``. Codes that
    are not Chinese (``AAPL``) are returned in upper case, so that other markets keep their names.

    Raises
    ------
    DataError
        For an empty code, and for bare digits, whose exchange cannot be known.

    Examples
    --------
    >>> normalise_code("sz.000001")
    'SZ000001'
    """
    text = str(code).strip().upper()
    if match := _PREFIXED.match(text):
        return match[1] + match[2]
    if match := _SUFFIXED.match(text):
        return _EXCHANGE.get(match[2], match[2]) + match[1]
    if not text or text.isdigit():
        raise DataError(
            f"stock code {code!r} names no exchange; write it as 'SH600519', '600519.SH' or 'sh.600519'"
        )
    return text
