"""Faults as they are found: how many of each kind, and some of them in words."""

from collections import Counter
from enum import StrEnum

from gewu.audit.facts import EXAMPLES


class Fault(StrEnum):
    """Closed list of what the judge can find wrong; the word is the name in --json."""

    LOST = "lost"
    DOUBLED = "doubled"
    PHANTOM = "phantom"
    REJECTED = "landed_but_rejected"
    MISROUTED = "misrouted"
    ORDER = "out_of_order"
    UNBALANCED = "unbalanced"
    UNREADABLE = "unreadable"


class Findings:
    """Counts every fault and keeps the first EXAMPLES of each kind."""

    def __init__(self) -> None:
        self.counts: Counter[Fault] = Counter()
        self.examples: dict[Fault, list[str]] = {fault: [] for fault in Fault}

    def note(self, fault: Fault, words: str) -> None:
        """Something is wrong."""
        self.counts[fault] += 1
        if len(kept := self.examples[fault]) < EXAMPLES:
            kept.append(words)

    @property
    def any(self) -> bool:
        """Whether anything at all is wrong."""
        return bool(self.counts)
