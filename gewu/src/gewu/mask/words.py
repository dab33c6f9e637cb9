"""What may become of a picture that is given to the masker, and the limits that it is held against before it is decoded."""

from dataclasses import dataclass
from enum import StrEnum

MOST_BYTES = 15 * 1024 * 1024
MOST_PIXELS = 25_000_000
MOST_SIDE = 12_000  # pixels
TYPES = ("image/jpeg", "image/png", "image/webp")


class Refusal(StrEnum):
    """Why a picture is not masked, and so not stored. Sent again it would be refused again."""

    UNKNOWN_FORMAT = "unknown_format"  # neither JPEG, PNG nor WebP by its first bytes
    WRONG_FORMAT = "wrong_format"  # another one than its content type says
    TOO_LARGE = "too_large"  # bytes
    BROKEN_HEADER = "broken_header"  # its size cannot be read without decoding
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LONG_A_SIDE = "too_long_a_side"
    ANIMATED = "animated"  # more than one frame
    UNREADABLE = "unreadable"  # the decoder gave up
    TOO_MUCH_MEMORY = "too_much_memory"
    STILL_VISIBLE = "still_visible"  # a second look still found a face or a plate


REASONS = {
    Refusal.UNKNOWN_FORMAT: "this is neither a JPEG nor a PNG nor a WebP picture",
    Refusal.WRONG_FORMAT: "the content is of another format than the content type says",
    Refusal.TOO_LARGE: f"at most {MOST_BYTES} bytes",
    Refusal.BROKEN_HEADER: "its size cannot be read: the file is damaged",
    Refusal.TOO_MANY_PIXELS: f"at most {MOST_PIXELS:,} pixels",
    Refusal.TOO_LONG_A_SIDE: f"at most {MOST_SIDE:,} pixels a side",
    Refusal.ANIMATED: "it has several frames: send one of them",
    Refusal.UNREADABLE: "it cannot be decoded: the file is damaged or not whole",
    Refusal.TOO_MUCH_MEMORY: "decoding it takes more memory than there is for a picture: send a smaller one",
    Refusal.STILL_VISIBLE: "faces or plates could not be covered for certain: send another view, without people",
}


class Unmasked(Exception):
    """This picture is refused, for this reason."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(REASONS[why])
        self.why = why


@dataclass(frozen=True, slots=True)
class Masked:
    """A picture that may be stored. covered: how many areas were filled; masked_by: the masker with its models."""

    data: bytes
    type: str
    masked_by: str
    covered: int
