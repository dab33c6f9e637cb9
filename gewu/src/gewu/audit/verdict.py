"""What the judge found, as numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gewu.audit.books import Account
from gewu.audit.findings import Fault, Findings


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that was counted and everything that is wrong."""

    numbers: Mapping[str, int]
    findings: Findings
    accounts: Sequence[Account]
    with_ledger: bool

    @property
    def good(self) -> bool:
        """Whether nothing is wrong. What is on its way (in flight, in the outbox) is no fault."""
        return not self.findings.any

    @property
    def in_flight(self) -> int:
        """Records that dispatch has not settled yet, over all partitions."""
        return sum(account.in_flight for account in self.accounts)

    def count(self, fault: Fault) -> int:
        """How many of this fault."""
        return self.findings.counts[fault]
