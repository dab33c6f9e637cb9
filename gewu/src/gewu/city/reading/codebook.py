"""codebook.csv: the classes a city admits, their lanes, how they join, and the words people use for them."""

import re
from collections import Counter
from dataclasses import dataclass, replace

from gewu.city.faults import Notes
from gewu.city.model import Category, Limit
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import Say, at_line, number, once, text
from gewu.city.words import spoken
from gewu.lane import Lane

COLUMNS = ("kind", "code", "label_zh", "label_en", "lane", "join_radius_m", "join_within_h", "aliases")
_LANES = tuple(lane.label for lane in Lane)
_NATIONAL = ("component", "matter")
_FARTHEST_M, _LONGEST_H = 5_000, 8_760


@dataclass(frozen=True, slots=True)
class Codebook:
    """The categories by key, the line of each, and every word that means exactly one of them."""

    categories: dict[str, Category]
    lines: dict[str, int]
    words: dict[str, str]

    def with_limits(self, limits: dict[str, list[Limit]]) -> dict[str, Category]:
        """Give the categories with their limits; the one without a condition is the limit."""
        return {
            key: replace(
                category,
                limit=next((limit for limit in limits.get(key, ()) if not limit.condition_zh), None),
                limits=tuple(limit for limit in limits.get(key, ()) if limit.condition_zh),
            )
            for key, category in self.categories.items()
        }


def read_codebook(source: str, notes: Notes) -> Codebook | None:
    """Read the code book; None when the table itself is unreadable."""
    rows = read_table(source, COLUMNS, notes)
    if rows is None:
        return None
    categories: dict[str, Category] = {}
    lines: dict[str, int] = {}
    for row in rows:
        category = _category(row, at_line(notes, row.line))
        if once(category.key, row, lines, "category", notes):
            categories[category.key] = category
    if not rows:
        notes.line(1, "names no category; a city admits at least one")
    _check_generation(categories, lines, notes)
    return Codebook(categories, lines, _words(categories, lines, notes))


def _category(row: Row, say: Say) -> Category:
    kind, code = row["kind"], row["code"]
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,23}", kind):
        say(f"kind {kind!r} must be component, matter or the name of another family in a-z 0-9 -")
    if not re.fullmatch(r"\d{4,5}" if kind in _NATIONAL else r"[A-Za-z0-9.-]{1,32}", code):
        right = "5 digits (4 before 2026)" if kind in _NATIONAL else "1 to 32 of A-Z a-z 0-9 . -"
        say(f"code {code!r} of a {kind} must be {right}")
    if row["lane"] not in _LANES:
        say(f"lane {row['lane']!r} is none of {' '.join(_LANES)}")
    return Category(
        key=f"{kind}:{code}",
        code=code,
        kind=kind,
        label_zh=text(row["label_zh"], "label_zh", say),
        label_en=text(row["label_en"], "label_en", say),
        lane=row["lane"],
        limit=None,
        join_radius_m=number(row["join_radius_m"], "join_radius_m", 0, _FARTHEST_M, say),
        join_within_h=number(row["join_within_h"], "join_within_h", 0, _LONGEST_H, say),
        aliases=tuple(text(word, "alias", say) for word in row["aliases"].split("|")) if row["aliases"] else (),
    )


def _check_generation(categories: dict[str, Category], lines: dict[str, int], notes: Notes) -> None:
    widths = Counter(len(category.code) for category in categories.values() if category.kind in _NATIONAL)
    usual = widths.most_common(1)[0][0] if widths else 0
    for key, category in categories.items():
        if category.kind in _NATIONAL and len(category.code) != usual:
            digits = f"has {len(category.code)} digits where most have {usual}"
            notes.line(lines[key], f"code {category.code!r} {digits}; a spreadsheet may have dropped a leading zero")


def _words(categories: dict[str, Category], lines: dict[str, int], notes: Notes) -> dict[str, str]:
    """Index keys, labels, aliases and the codes of one category only; a word that means two is a fault."""
    codes = Counter(category.code for category in categories.values())
    words = {spoken(category.code): key for key, category in categories.items() if codes[category.code] == 1}
    for key, category in categories.items():
        said = [("key", key), ("label", category.label_zh), ("label", category.label_en)]
        for what, word in [*said, *(("alias", word) for word in category.aliases)]:
            holder = words.setdefault(spoken(word), key)
            if holder != key and word:
                also = f"also means {holder} (line {lines[holder]})"
                notes.line(lines[key], f"{what} {word!r} {also}; a word may mean one category only")
    return words
