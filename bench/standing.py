"""Where a run stands to floors and goals, as a table on the page, and whether the reasons for what is missed are that run's."""

import re
from collections.abc import Mapping

from bench import ratios, table
from bench.ratios import RATIOS, Ratio, Results, Spread
from bench.rounds import number

HEAD = ("ratio", "last run", "floor", "goal", "stands")
SECTION = "## What is missed, and why"
_NONE = "no bound"
MISSED = ("floor missed", "goal open")
_WHEN, _FIGURE = r"[\d-]+ \d\d:\d\d", r"(\d+(?:\.\d+)?)"
_QUOTED = re.compile(rf"`(\w+)`\s+{_FIGURE}(?:\s+of\s+{_FIGURE})?(?:\s+\({_FIGURE}\s+to\s+{_FIGURE}\))?")


def lines(results: Results, when: str, commit: str) -> list[str]:
    """The table in Markdown, a row for each ratio that there is."""
    return of({ratio.key: ratios.of(ratio, results) for ratio in RATIOS}, when, commit)


def of(found: Mapping[str, Spread | None], when: str, commit: str) -> list[str]:
    """The same, of ratios that are taken already."""
    rows = []
    for ratio in RATIOS:
        spread = found[ratio.key]
        stands = table.verdict(ratio, spread).lower() or _NONE
        rows.append((f"`{ratio.key}`", cell(spread), *table.bounds(ratio), stands))
    return [f"Run of {when} UTC at commit {commit}.", "", *table.markdown(HEAD, rows)]


def cell(found: Spread | None) -> str:
    """A ratio as the page writes it: its median, and its lowest and highest round."""
    return f"{number(found.median)} ({number(found.low)}–{number(found.high)})" if found else "–"


def said(text: str) -> dict[str, tuple[str, str]]:
    """What the page's table says of each ratio: its cell, and where it stands."""
    _, _, below = text.partition(f"| {' | '.join(HEAD)} |\n")
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+? \| .+? \| (.+?) \|$", below.partition("\n\n")[0], re.M)
    return {key: (value, stands) for key, value, stands in rows}


def missed_floors(text: str) -> list[str]:
    """The floors that the page's last whole run missed."""
    return [f"`{key}` {value}" for key, (value, stands) in said(text).items() if stands == MISSED[0]]


def verdict(text: str) -> str:
    """What the page says at its top: a floor that is missed is not to be found only by who reads to the table's end."""
    missed = missed_floors(text)
    return (
        f"**The last whole run missed floors: {', '.join(missed)}.**"
        if missed
        else "Every floor held in the last whole run."
    )


def faults(text: str) -> list[str]:
    """What the hand-written reasons of a page lack, have too much, or say of another run than its table."""
    words = text.partition(f"\n{SECTION}\n")[2].partition("\n## ")[0]
    given, rows = re.findall(r"^- `(\w+)`", words, re.M), said(text)
    found = []
    for key, (_, stands) in rows.items():
        if stands in MISSED and key not in given:
            found.append(f"{key}: {stands}, and no reason is given")
        elif stands not in MISSED and key in given:
            found.append(f"{key}: {stands}, and a reason is given")
    doubled = {key for key in given if given.count(key) > 1}
    unknown = {key for key in given if key not in ratios.KEYS}
    return [
        *found,
        *(f"{key}: two reasons are given" for key in sorted(doubled)),
        *(f"{key}: no such ratio" for key in sorted(unknown)),
        *_of_another_run(words),
        *(fault for ratio in RATIOS if ratio.key in rows for fault in _misquoted(ratio, rows[ratio.key][0], words)),
    ]


def _of_another_run(words: str) -> list[str]:
    """Figures of all kinds stand in the reasons: who wrote them says after which run, and a newer one has them read again."""
    run, written = (re.search(f"^{head} ({_WHEN})", words, re.M) for head in ("Run of", "Written after the run of"))
    if run and written and run[1] == written[1]:
        return []
    after = f"after the run of {written[1]}" if written else "after nobody says which run"
    return [f"the reasons were written {after}, the table is of {run[1] if run else 'none'}"]


def _misquoted(ratio: Ratio, cell: str, words: str) -> list[str]:
    """Figures behind a ratio's name, `name` 1.31 of 1.2 (1.24 to 1.35), that are not its median, bound, lowest and highest."""
    run, bounds = re.findall(r"[\d.]+", cell), [b for b in (ratio.floor, ratio.goal) if b is not None]
    found = []
    for quoted in _QUOTED.finditer(words):
        key, median, bound, *ends = quoted.groups()
        if key != ratio.key:
            continue
        pairs = [(q, r) for q, r in zip((median, *ends), run, strict=True) if q is not None]
        if not all(_is_rounded(q, r) for q, r in pairs) or (bound and float(bound) not in bounds):
            found.append(f"{key}: {' '.join(quoted[0].split()[1:])} is said, the run has {cell}")
    return found


def _is_rounded(quoted: str, value: str) -> bool:
    """Whether a figure is the run's, to two digits that count at least: to one of them 1.31 would be 1."""
    digits = len(quoted.replace(".", "").lstrip("0"))
    return quoted == value or (digits > 1 and float(f"{float(value):.{digits}g}") == float(quoted))
