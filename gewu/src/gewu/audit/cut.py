"""Where the log no longer begins at its first record, partition by partition: a case that has its records elsewhere is judged
all the same."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from uuid import UUID

from gewu import topics

EVERYBODY = ""  # stands for cases.changed beside departments


class Cut:
    """partitions: those that were cut, by department; counts: how many partitions each one's topic has."""

    def __init__(self, partitions: Mapping[str, AbstractSet[int]], counts: Mapping[str, int]) -> None:
        self._partitions, self._counts = partitions, counts

    def of(self, department: str, case: bytes) -> bool:
        """Whether what this department was told of this case may have been cut."""
        found = self._partitions.get(department)
        return bool(found) and topics.partition(str(UUID(bytes=case)), self._counts[department]) in found

    def of_any(self, case: bytes) -> bool:
        """Whether what anybody was told of it may have been cut."""
        return any(self.of(department, case) for department in self._partitions)


NOWHERE = Cut({}, {})
