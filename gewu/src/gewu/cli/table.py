"""Text tables for terminals."""

from collections.abc import Iterable, Sequence

from gewu.dev import columns


def lines(head: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> list[str]:
    """A head and rows in columns as wide as they need be; columns named in `right` are set to the right."""
    cells = [list(head), *[["" if cell is None else str(cell) for cell in row] for row in rows]]
    widths = [max(columns.width(row[i]) for row in cells) for i in range(len(head))]
    set_ = [columns.right if name in right else columns.left for name in head]
    return ["  ".join(put(cell, w) for put, cell, w in zip(set_, row, widths, strict=True)).rstrip() for row in cells]
