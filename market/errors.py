"""The one error that data raise."""


class DataError(ValueError):
    """Data that cannot be used as asked.

    The message names the field, the stock and the date, says how much is wrong, and what would work.
    Recoverable by supplying other data or by asking for another field, stock or date.
    """
