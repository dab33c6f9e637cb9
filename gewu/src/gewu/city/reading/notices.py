"""notices.csv: who is told what. Every rule that matches counts, each receiver once: its first rule is the reason."""

from collections.abc import Mapping
from dataclasses import dataclass

from gewu.city.faults import Notes
from gewu.city.model import ANY, CHANGES, Category, Department, NoticeRule, Receiver
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import Say, at_line, identifier, once, text
from gewu.lane import Lane

COLUMNS = ("id", "change", "lane", "category", "department", "grid", "receiver", "note")
_LANES = tuple(lane.label for lane in Lane)
# What dispatch calls the class of a case whose word the code book does not have.
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Known:
    """All that a rule's patterns can refer to. paths: of each grid, from the top level down to itself."""

    receivers: Mapping[str, Receiver]
    categories: Mapping[str, Category]
    departments: Mapping[str, Department]
    paths: Mapping[str, tuple[str, ...]]


def read_notices(source: str, notes: Notes) -> list[NoticeRule] | None:
    """Read the rules as written; None when the table itself is unreadable."""
    rows = read_table(source, COLUMNS, notes)
    if rows is None:
        return None
    lines: dict[str, int] = {}
    rules = [_rule(row, notes) for row in rows]
    for row in rows:
        once(row["id"], row, lines, "rule", notes)
    return rules


def _rule(row: Row, notes: Notes) -> NoticeRule:
    say = at_line(notes, row.line)
    for column in ("category", "department", "grid", "receiver"):
        if not row[column]:
            say(f"{column} is empty" + ("; a rule names a receiver" if column == "receiver" else "; write '*' for any"))
        elif ANY in row[column][:-1] or (row[column].endswith(ANY) and column != "category" and row[column] != ANY):
            say(
                f"{column} {row[column]!r}: '*' may only stand {'alone or at the end' if column == 'category' else 'alone'}"
            )
    if row["lane"] not in (*_LANES, ANY):
        say(f"lane {row['lane']!r} is none of {', '.join(_LANES)} or '*'")
    return NoticeRule(
        id=identifier(row["id"], "rule id", say),
        line=row.line,
        changes=_changes(row["change"], say),
        lane=row["lane"],
        category=row["category"],
        department=row["department"],
        grid=row["grid"],
        receiver=row["receiver"],
        note=text(row["note"], "note", say, empty=True),
    )


def _changes(said: str, say: Say) -> tuple[str, ...]:
    if said == ANY:
        return ()
    words = tuple(word.strip() for word in said.split("|"))
    for word in words:
        if word not in CHANGES:
            say(f"change {word!r} is none of {', '.join(CHANGES)}; several have '|' between, any is '*'")
    return words


def check_notices(rules: list[NoticeRule], known: Known, notes: Notes) -> None:
    """Note rules that refer to nothing, and rules whose receiver an earlier one always tells before."""
    keys = {*known.categories, UNKNOWN}
    taken = {rule.category: {key for key in keys if rule.takes_category(key)} for rule in rules}
    alive: list[NoticeRule] = []
    for rule in rules:
        if reason := _refers_to_nothing(rule, taken[rule.category], known):
            notes.line(rule.line, reason)
            continue
        for earlier in alive:
            if _narrower(rule, earlier, known) and taken[rule.category] <= taken[earlier.category]:
                reason = (
                    f"is never reached: rule {earlier.id!r} on line {earlier.line} tells {rule.receiver!r} all of it"
                )
                notes.line(rule.line, f"{reason}; remove it")
                break
        alive.append(rule)


def _refers_to_nothing(rule: NoticeRule, taken: set[str], known: Known) -> str | None:
    if rule.receiver not in known.receivers:
        return f"receiver {rule.receiver!r} is not in receivers.csv"
    if not taken:
        return f"category {rule.category!r} matches nothing in codebook.csv; write a key, 'kind:*', 'kind:06*' or '*'"
    if rule.department not in (ANY, *known.departments):
        return f"department {rule.department!r} is not in departments.csv"
    if rule.grid not in (ANY, *known.paths):
        return f"grid {rule.grid!r} is not in grids.geojson"
    return None


def _narrower(rule: NoticeRule, earlier: NoticeRule, known: Known) -> bool:
    return (
        earlier.receiver == rule.receiver
        and (not earlier.changes or set(rule.changes or CHANGES) <= set(earlier.changes))
        and earlier.lane in (ANY, rule.lane)
        and earlier.department in (ANY, rule.department)
        and (earlier.grid == ANY or earlier.grid in known.paths.get(rule.grid, ()))
    )
