"""Where a run stands to floors and goals, as a table on the page, and whether the page gives a reason for each that is missed."""

import re
from collections.abc import Mapping

from bench import ratios, table
from bench.ratios import RATIOS, Results, Spread
from bench.rounds import number

HEAD = ("ratio", "last run", "floor", "goal", "stands")
SECTION = "## What is missed, and why"
_NONE = "no bound"
MISSED = ("floor missed", "goal open")


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


def faults(text: str) -> list[str]:
    """What the hand-written reasons of a page lack or have too much; of what was not measured nothing is asked."""
    given = re.findall(r"^- `(\w+)`", text.partition(f"\n{SECTION}\n")[2].partition("\n## ")[0], re.M)
    found = []
    for key, (_, stands) in said(text).items():
        if stands in MISSED and key not in given:
            found.append(f"{key}: {stands}, and no reason is given")
        elif stands not in (*MISSED, "not measured") and key in given:
            found.append(f"{key}: {stands}, and a reason is given")
    doubled = {key for key in given if given.count(key) > 1}
    unknown = {key for key in given if key not in ratios.KEYS}
    return [
        *found,
        *(f"{key}: two reasons are given" for key in sorted(doubled)),
        *(f"{key}: no such ratio" for key in sorted(unknown)),
    ]
