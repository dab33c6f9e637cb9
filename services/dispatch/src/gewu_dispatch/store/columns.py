"""Rows as columns: a batch goes to PostgreSQL as one array a column, for unnest."""

from collections.abc import Sequence


def columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    """The columns of these rows; ValueError when the rows are not of one length. No rows have no columns."""
    return [list(c) for c in zip(*rows, strict=True)]
