"""Lanes: how urgent a signal is, from life safety (p0) to telemetry (p3). The server decides, a client never does."""

from enum import IntEnum

from gewu.v1.common_pb2 import Lane as _Wire


class Lane(IntEnum):
    """Smaller is more urgent. The values equal the wire enum's, so neither side needs a table."""

    P0 = _Wire.LANE_P0
    P1 = _Wire.LANE_P1
    P2 = _Wire.LANE_P2
    P3 = _Wire.LANE_P3

    @property
    def label(self) -> str:
        """The word that stands in topic names, metrics and city packages: p0 … p3."""
        return f"p{self.value - 1}"

    @classmethod
    def named(cls, label: str) -> "Lane":
        """The lane of a label; KeyError for any other word."""
        return _BY_LABEL[label]


_BY_LABEL = {lane.label: lane for lane in Lane}
