"""Whether the pictures of a move prove themselves: masked and stored here, for this department, not long before it was said."""

from collections.abc import Sequence

from gewu.clock import from_micros
from gewu.pictures.reference import VALID, NoPicture, References, of_department
from gewu_dispatch.domain.action import Refusal
from gewu_dispatch.domain.case import Picture

_WHY = {NoPicture.NOT_OURS: Refusal.PICTURE_NOT_OURS, NoPicture.EXPIRED: Refusal.PICTURE_EXPIRED}


def unproven(pictures: Sequence[Picture], department: str, said_at: int, references: References) -> Refusal | None:
    """Why one of these may not be named by a move that this department said then (microseconds since 1970), or None.

    By the time of the move and not by ours: read from the log again after a restore, it is judged as it was.
    """
    for p in pictures:
        # A department's clock may be slow; what matters is that no old upload is named.
        read = references.read(p.reference, of_department(department), from_micros(said_at), ahead=VALID)
        if isinstance(read, NoPicture):
            return _WHY[read]
        if (read.sha256, read.bytes, read.type, read.masked_by) != (p.sha256, p.bytes, p.type, p.masked_by):
            return Refusal.PICTURE_NOT_OURS
    return None
