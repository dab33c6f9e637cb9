"""What a run of every bug came to, as a page of the documentation."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.planted.bug import Bug, bugs
from tests.planted.trial import Outcome

_HEAD = """\
# Planted bugs

`make planted` on {day}, commit {commit}: {caught} of {planted} planted bugs were caught, {clean} of {controls} controls were
clean. This page is written by that command, which exits 1 when a bug is missed or a control is not clean.

Each bug is a patch in a copy of the source, under load and under the fault that opens its window. It is *caught* when its
code said that the window was hit and `gewu audit` named the finding that is expected, or the family of trouble that does the
harm did where no books tell of it (*p0_waits*, *said_again*). The audit and the families are of the tree as it is.

| bug | what it does | fault | how its window was hit | what was found | caught |
|---|---|---|---|---|---|
"""
_CONTROLS = """
## Controls

The unpatched source through the same load and the same faults; nothing may be found.

| fault | acks | what was found | clean |
|---|---|---|---|
"""


def keep(file: Path, outcomes: Sequence[Outcome], commit: str) -> bool:
    """Write the page if these are the trials of every bug there is; whether they are."""
    if {o.name for o in outcomes if o.expected} != {b.name for b in bugs()}:
        return False
    file.write_text(text(outcomes, bugs(), commit))
    return True


def text(outcomes: Sequence[Outcome], known: Sequence[Bug], commit: str) -> str:
    """The page; `commit`: of the tree that was judged and judges."""
    planted, controls = [o for o in outcomes if o.expected], [o for o in outcomes if not o.expected]
    bug = {b.name: b for b in known}
    head = _HEAD.format(
        day=f"{datetime.now(UTC):%Y-%m-%d}", commit=commit, planted=len(planted), caught=sum(o.caught for o in planted),
        controls=len(controls), clean=sum(o.caught for o in controls),
    )  # fmt: skip
    rows = [_row(o.name, bug[o.name].what, bug[o.name].fault, _window(o), _found(o), _word(o)) for o in planted]
    of_controls = [_row(o.name.removeprefix("control: "), f"{o.accepted:,}", _found(o), _word(o)) for o in controls]
    return head + "".join(rows) + _CONTROLS + "".join(of_controls)


def _window(outcome: Outcome) -> str:
    """What the planted code said first, and how often it said something."""
    if not outcome.hits:
        return "it was not"
    times = len(outcome.hits)
    return f"{outcome.hits[0]}{f' ({times} times)' if times > 1 else ''}"


def _found(outcome: Outcome) -> str:
    """The judge's findings with their numbers, the expected one first and marked."""
    expected = str(outcome.expected)
    names = sorted(outcome.found, key=lambda name: name != expected)
    said = [f"{f'**{name}**' if name == expected else name} {outcome.found[name]:,}" for name in names]
    return ", ".join(said) or "nothing"


def _word(outcome: Outcome) -> str:
    return "yes" if outcome.caught else "**no**"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"
