"""What is wrong in a package: where, why, and what would be right."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault at a physical line (from 1) or at a GeoJSON feature (from 0, with its id when it has one)."""

    file: str
    line: int | None
    reason: str
    feature: int | None = None
    feature_id: str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"

    @property
    def where(self) -> str:
        """Name the place as an editor or a JSON reader would."""
        if self.feature is not None:
            named = f" (id {self.feature_id!r})" if self.feature_id else ""
            return f"{self.file}:features[{self.feature}]{named}"
        return self.file if self.line is None else f"{self.file}:{self.line}"


class CityFaults(Exception):
    """Raised when a package cannot be used; `faults` holds every fault found, in the order of files and lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Notes:
    """The faults of one file while it is read; all files of one reading share one list."""

    def __init__(self, file: str, found: list[Fault]) -> None:
        self.file = file
        self._found = found

    def line(self, line: int | None, reason: str) -> None:
        """Note a fault at a physical line, or of the file as a whole."""
        self._found.append(Fault(self.file, line, reason))

    def feature(self, index: int, feature_id: str | None, reason: str) -> None:
        """Note a fault at a feature of a GeoJSON file."""
        self._found.append(Fault(self.file, None, reason, index, feature_id))
