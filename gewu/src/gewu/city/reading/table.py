"""CSV tables with the physical line of every row."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from gewu.city.faults import Notes


@dataclass(frozen=True, slots=True)
class Row:
    """One row, its cells trimmed, and the physical line on which it starts."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


def read_table(text: str, columns: tuple[str, ...], notes: Notes) -> list[Row] | None:
    """Read a table that must have exactly these columns in any order; None when its head or quoting is wrong."""
    rows: list[Row] = []
    head: list[str] | None = None
    for line, cells in _records(text, notes):
        if head is None:
            head = cells
            if not _check_head(head, columns, line, notes):
                return None
        elif len(cells) != len(head):
            notes.line(line, f"has {len(cells)} cells where the head has {len(head)}")
        else:
            rows.append(Row(line, dict(zip(head, cells, strict=True))))
    if head is None:
        notes.line(1, f"is empty; its first line names the columns {', '.join(columns)}")
        return None
    return rows


def _records(text: str, notes: Notes) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    while True:
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as failure:
            notes.line(line, f"is no CSV from here on: {failure}")
            return
        if any(cells):
            yield line, cells
        line = reader.line_num + 1


def _check_head(head: list[str], columns: tuple[str, ...], line: int, notes: Notes) -> bool:
    wanted = ", ".join(columns)
    missing = [column for column in columns if column not in head]
    unknown = [column for column in head if column not in columns]
    double = sorted({column for column in head if head.count(column) > 1})
    for column in missing:
        notes.line(line, f"column {column!r} is missing; the columns are {wanted}")
    for column in unknown:
        notes.line(line, f"column {column!r} is unknown; the columns are {wanted}")
    for column in double:
        notes.line(line, f"column {column!r} stands there twice")
    return not (missing or double)
