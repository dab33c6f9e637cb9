"""A planted bug, as its file says it."""

import re
from dataclasses import dataclass
from pathlib import Path

from gewu.audit.findings import Fault
from tests.planted.faults import FAULTS

_BUGS = Path(__file__).parent / "bugs"
_LINE = re.compile(r"^(What|Fault|Finding): +(.+)$", re.M)


class WrongBug(Exception):
    """A bug's file does not say what it must say."""


@dataclass(frozen=True, slots=True)
class Bug:
    """what: the bug in a sentence; fault: what opens its window, by its name in `faults`; finding: how the judge must
    name it, whatever else it may find; patch: its file."""

    name: str
    what: str
    fault: str
    finding: Fault
    patch: Path


def bugs() -> list[Bug]:
    """All of them, by name."""
    return [read(file) for file in sorted(_BUGS.glob("*.patch"))]


def read(file: Path) -> Bug:
    """One bug; WrongBug where its head is not whole."""
    head = dict(_LINE.findall(file.read_text().partition("\ndiff ")[0]))
    try:
        bug = Bug(file.stem, head["What"], head["Fault"], Fault(head["Finding"]), file)
    except (KeyError, ValueError) as fault:
        raise WrongBug(f"{file.name}: {fault}") from None
    if bug.fault not in FAULTS:
        raise WrongBug(f"{file.name}: nobody makes the fault {bug.fault!r}")
    return bug
