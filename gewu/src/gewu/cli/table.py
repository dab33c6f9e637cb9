"""Text tables for terminals."""

from collections.abc import Iterable, Sequence
from unicodedata import east_asian_width


def lines(head: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> list[str]:
    """A head and rows in columns as wide as they need be; columns named in `right` are set to the right."""
    cells = [list(head), *[["" if cell is None else str(cell) for cell in row] for row in rows]]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(head))]
    return [
        "  ".join(_set(cell, w, name in right) for cell, w, name in zip(row, widths, head, strict=True)).rstrip()
        for row in cells
    ]


def _set(cell: str, width: int, right: bool) -> str:
    room = " " * (width - _width(cell))
    return room + cell if right else cell + room


def _width(text: str) -> int:
    """Columns on a terminal, where a Chinese character takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
