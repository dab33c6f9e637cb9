"""What made-up reporters say, in Chinese and English; no person, number or address in it is anybody's."""

import random
from typing import Any

from gewu.city import Category

_ZH = (
    "{what}，请派人处理", "{what}，已经好几天了", "路过看到{what}，有点危险", "{what}，就在门口",
    "发现{what}，照片稍后补", "{what}，老人孩子经常走这里", "{what}，昨天也报过", "",
)  # fmt: skip
_EN = (
    "{what}, please send someone", "{what}, it has been like this for days", "walked past: {what}, looks dangerous",
    "{what}, right at the gate", "{what}, children walk here", "",
)  # fmt: skip
_FIRST_ZH = ("北门", "南门", "公交站", "菜市场", "小学", "路口", "地下车库", "三号楼")
_FIRST_EN = ("north gate", "bus stop", "market", "school", "crossing", "car park", "block 3")
# A word that no code book has: it goes to the fallback.
UNHEARD_OF = ("说不清楚的东西", "something odd")
MORE_ZH, MORE_EN = "（补充：现在更严重了）", " (more: it is worse now)"


def words(category: Category) -> tuple[str, ...]:
    """Every way to name the category."""
    return (category.key, category.label_zh, category.label_en, *category.aliases)


def is_chinese(text: str) -> bool:
    """Whether there is a Chinese character in it."""
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def text(category: Category, chinese: bool, rng: random.Random) -> str:
    """What a person would add."""
    if chinese:
        return rng.choice(_ZH).format(what=category.label_zh)
    return rng.choice(_EN).format(what=category.label_en)


def address(chinese: bool, rng: random.Random) -> str:
    """Where a person would say it is."""
    if chinese:
        return f"{rng.choice(_FIRST_ZH)}附近{rng.randint(1, 90)}米"
    return f"{rng.randint(1, 90)} m from the {rng.choice(_FIRST_EN)}"


def contact(rng: random.Random) -> dict[str, Any]:
    """How to reach somebody who does not exist (example.org belongs to nobody, 555-01 is nobody's number)."""
    number = rng.randint(0, 99)
    return {"name": f"演示市民{number}", "phone": f"555-01{number:02}", "email": f"citizen{number}@example.org"}
