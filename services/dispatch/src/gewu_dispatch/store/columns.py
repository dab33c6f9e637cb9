"""Rows as columns: a batch goes to PostgreSQL as one array a column, for unnest.

A time goes along in Unix seconds, for to_timestamp: a time of our own takes the library ten times as long to put on the wire.
Both sides round to the microsecond; until 2106 (2^32 seconds) nothing is lost on the way, and later a microsecond here and there.
"""

from collections.abc import Sequence


def columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    """The columns of these rows; ValueError when the rows are not of one length. No rows have no columns."""
    return [list(c) for c in zip(*rows, strict=True)]
