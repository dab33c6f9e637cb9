"""What a civil plate (号牌) of the mainland may look like: GA 36, with the enlarged letters of new energy vehicles."""

import re

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
DIGITS = "0123456789"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I and no O
SECOND = LETTERS + "O"  # the one place where an O may stand
ENERGY = "DABCEFGHJK"  # D and F at first, enlarged when they ran out
LAST = "学警挂港澳领"
_FREE = LETTERS + DIGITS

# The forms, place by place: ordinary, small new energy, large new energy.
SEVEN = (PROVINCES, SECOND, _FREE, _FREE, _FREE, _FREE, _FREE + LAST)
SMALL = (PROVINCES, SECOND, ENERGY, _FREE, DIGITS, DIGITS, DIGITS, DIGITS)
LARGE = (PROVINCES, SECOND, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, ENERGY)
FORMS = (SEVEN, SMALL, LARGE)

_PATTERN = re.compile("|".join("".join(f"[{place}]" for place in form) for form in FORMS))


def is_plate(text: str) -> bool:
    """Whether this is a whole plate in one of the forms; a pattern or a part of one is not."""
    return _PATTERN.fullmatch(text) is not None
