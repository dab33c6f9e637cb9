"""The form under which a word for a category is looked up."""

import unicodedata
from functools import lru_cache


@lru_cache(1 << 12)  # most reports use the words of an app's menu
def spoken(text: str) -> str:
    """Trim a word, drop its case and make full-width letters plain, so that （箱） and (箱) are one word."""
    return unicodedata.normalize("NFKC", text).strip().casefold()
