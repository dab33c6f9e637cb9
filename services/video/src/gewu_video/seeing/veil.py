"""What may be looked at of a camera's pictures: what is left once privacy zones, faces and plates are covered, or nothing."""

from collections.abc import Sequence

from gewu.mask.cover import Cover
from gewu.mask.words import Unmasked
from gewu.vision.models import ModelMissing
from gewu_video.seeing import motion
from gewu_video.seeing.motion import Picture


class Veil:
    """Over every picture of one camera. masked: nothing may look at a face or a plate there, whatever it looks for."""

    def __init__(self, privacy: Sequence[Sequence[tuple[float, float]]], masked: bool) -> None:
        self.kept_back = 0  # pictures that nothing may look at
        self._privacy, self._masked = privacy, masked
        try:
            self._cover = Cover() if masked else None
        except ModelMissing:
            self._cover = None  # the service has said so at its start, once

    @property
    def hides_all(self) -> bool:
        """Whether there is nothing to cover with, and so nothing to look at."""
        return self._masked and self._cover is None

    def over(self, picture: Picture) -> bool:
        """Cover what must be, in place. False: nothing may look at this picture."""
        motion.black_out(picture, self._privacy)
        try:
            if self._cover:
                self._cover.cover(picture)
            is_covered = not self.hides_all
        except Unmasked:
            is_covered = False
        self.kept_back += not is_covered
        return is_covered
