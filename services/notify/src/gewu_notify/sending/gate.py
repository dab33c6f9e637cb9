"""How many connections to receivers a process has at once. Life safety has some for itself, which nothing else can take."""

from gewu.lane import Lane

CONNECTIONS = 2000  # idle ones and those that are being made included
FOR_P0 = 200  # of them


class Gate:
    """Shared by all channels of a process."""

    def __init__(self, most: int = CONNECTIONS, for_p0: int = FOR_P0) -> None:
        self._most, self._ordinary = most, most - for_p0
        self.taken = 0

    def enter(self, lane: int) -> bool:
        """Take a place for a connection on which a notice of this lane goes first; False where there is none."""
        if self.taken >= (self._most if lane == Lane.P0 else self._ordinary):
            return False
        self.taken += 1
        return True

    def leave(self) -> None:
        """That connection is gone, or could not be made."""
        self.taken -= 1

    @property
    def is_full(self) -> bool:
        """Whether somebody may have to wait, so that nobody should keep what he does not use."""
        return self.taken >= self._ordinary
