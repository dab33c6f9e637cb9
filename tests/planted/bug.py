"""A planted bug, as its file says it."""

import re
from dataclasses import dataclass
from pathlib import Path

from gewu.audit.findings import Fault
from tests.planted.faults import FAULTS
from tests.trouble.play import Own

_BUGS = Path(__file__).parent / "bugs"
_FINDINGS: dict[str, Fault | Own] = {str(found): found for found in (*Fault, *Own)}
_LINE = re.compile(r"^(What|Fault|Finding): +(.+)$", re.M)


class WrongBug(Exception):
    """A bug's file does not say what it must say."""


@dataclass(frozen=True, slots=True)
class Bug:
    """what: the bug in a sentence; fault: what opens its window, by its name in `faults`; finding: how the judge,
    or the family of trouble that does the harm, must name it, whatever else is found; patch: its file."""

    name: str
    what: str
    fault: str
    finding: Fault | Own
    patch: Path


def bugs() -> list[Bug]:
    """All of them, by name."""
    return [read(file) for file in sorted(_BUGS.glob("*.patch"))]


def read(file: Path) -> Bug:
    """One bug; WrongBug where its head is not whole."""
    head = dict(_LINE.findall(file.read_text().partition("\ndiff ")[0]))
    try:
        bug = Bug(file.stem, head["What"], head["Fault"], _FINDINGS[head["Finding"]], file)
    except KeyError as fault:
        raise WrongBug(f"{file.name}: {fault}") from None
    if bug.fault not in FAULTS:
        raise WrongBug(f"{file.name}: nobody makes the fault {bug.fault!r}")
    return bug
