"""Lanes: how urgent a signal is, from life safety (p0) to telemetry (p3). The server decides, a client never does."""

from enum import IntEnum


class Lane(IntEnum):
    """Smaller is more urgent. The values equal the wire enum's (a test holds them to it), so neither side needs a
    table and the domain needs no protobuf."""

    P0 = 1
    P1 = 2
    P2 = 3
    P3 = 4

    @property
    def label(self) -> str:
        """The word that stands in topic names, metrics and city packages: p0 … p3."""
        return f"p{self.value - 1}"

    @classmethod
    def named(cls, label: str) -> "Lane":
        """The lane of a label; KeyError for any other word."""
        return _BY_LABEL[label]


_BY_LABEL = {lane.label: lane for lane in Lane}
