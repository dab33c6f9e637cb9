"""codes.csv: what classes were called in older generations of the national codes (代码对照)."""

import re
from collections.abc import Container

from gewu.city.faults import Notes
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import at_line, known, text

COLUMNS = ("generation", "kind", "code", "category", "label_zh")
_GENERATIONS, _KINDS = ("1", "2"), ("component", "matter")


def read_codes(source: str, categories: Container[str] | None, notes: Notes) -> dict[str, str]:
    """Read which class an older code means: `2:matter:0136` → key.

    The generation is part of it, because the digits do not tell: the order of the majors changed after the first.
    Codes of one city's own stand here as well, where its older data has them.
    """
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for row in read_table(source, COLUMNS, notes) or ():
        word = _word(row, categories, notes)
        if (first := lines.setdefault(word, row.line)) != row.line:
            notes.line(row.line, f"code {word!r} is already on line {first}; it means one category")
        found[word] = row["category"]
    return found


def _word(row: Row, categories: Container[str] | None, notes: Notes) -> str:
    say, generation, kind, code = at_line(notes, row.line), row["generation"], row["kind"], row["code"]
    if generation not in _GENERATIONS:
        say(f"generation {generation!r} is none of {' '.join(_GENERATIONS)}; codebook.csv has the third")
    if kind not in _KINDS:
        say(f"kind {kind!r} is none of {' '.join(_KINDS)}")
    if not re.fullmatch(r"[0-9]{4}", code):
        say(
            f"code {code!r} must be 4 digits, 2 of the major class and 2 of the minor; a spreadsheet may have dropped a zero"
        )
    known(row["category"], "category", "codebook.csv", categories, say)
    text(row["label_zh"], "label_zh", say)
    return f"{generation}:{kind}:{code}"
