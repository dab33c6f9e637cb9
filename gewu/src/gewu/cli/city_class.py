"""`gewu city class`: what a word means in a city's code book (类别), and what was probably meant where it means nothing."""

import argparse
import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gewu.cli import environment
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.city import Category, City

_LIKE = 8  # words that are offered for one that means nothing
_EPILOG = f"""\
examples:
  gewu city class 井盖 --city cities/demo            an everyday word
  gewu city class 2:matter:0136 --city cities/demo   a code of the second generation (GB/T 30428)
  gewu city class matter:06036 --json

{CODES.format(wrong="the word means nothing; words like it are listed")}
"""


def add(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu city class`."""
    found = actions.add_parser(
        "class", help="what a word means in the code book (查类别)", epilog=_EPILOG,
        description="Look a word up as intake does: a key, code, label, everyday word or older code.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    found.add_argument("word", metavar="WORD", help="as a reporter would say it")
    found.add_argument("--city", metavar="PATH", type=Path, help="city package [GEWU_CITY]")
    found.add_argument("--json", action="store_true", help="print one JSON object")
    found.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the class, or words like the one that was asked for."""
    folder = environment.city_folder(args, environment.variables(args))
    if folder is None:
        raise Refusal("name a city package with --city, or set GEWU_CITY")
    city = environment.city(folder)
    category = city.category(args.word)
    said = _found(city, category) if category else {"class": None, "like": _like(city, args.word)}
    print(json.dumps(said, ensure_ascii=False, indent=2) if args.json else "\n".join(_lines(args.word, said)))
    return FINE if category else WRONG


def _found(city: "City", category: "Category") -> dict[str, Any]:
    limits = [limit for limit in (category.limit, *category.limits) if limit]
    return {
        "class": category.key, "label_zh": category.label_zh, "label_en": category.label_en, "lane": category.lane,
        "aliases": list(category.aliases),
        "older_codes": [code for code, key in city.codes.items() if key == category.key],
        "limits": [{"amount": x.amount, "unit": x.unit, "if_zh": x.condition_zh, "if_en": x.condition_en} for x in limits],
        "joins": {"within_m": category.join_radius_m, "within_h": category.join_within_h},
    }  # fmt: skip


def _like(city: "City", word: str) -> list[dict[str, str]]:
    """Words that are spelt nearly so, and then those that hold it; each class once."""
    asked = word.casefold()
    holding = [known for known in city.words if asked and asked in known]
    near = difflib.get_close_matches(asked, city.words, _LIKE, 0.6)
    found: dict[str, dict[str, str]] = {}
    for known in (*near, *holding):
        category = city.words[known]
        found.setdefault(category.key, {"word": known, "class": category.key, "label_zh": category.label_zh})
    return list(found.values())[:_LIKE]


def _lines(word: str, said: dict[str, Any]) -> list[str]:
    if said["class"] is None:
        like = [f"  {x['word']}  {x['class']} {x['label_zh']}" for x in said["like"]]
        return [
            f"{word!r} means nothing here: such a report goes to the fallback",
            *(["meant was perhaps"] if like else []),
            *like,
        ]
    limits = [
        f"{x['amount']}{x['unit']}" + (f" ({x['if_zh']} / {x['if_en']})" if x["if_zh"] else "") for x in said["limits"]
    ]
    joins = said["joins"]
    return [
        f"{said['class']} {said['label_zh']} / {said['label_en']}, {said['lane']}",
        f"  words 别名        {', '.join(said['aliases']) or 'none'}",
        f"  older codes 旧代码  {', '.join(said['older_codes']) or 'none'}",
        f"  limits 时限       {'; '.join(limits) or 'none'}",
        "  joins 并案        "
        + (f"within {joins['within_m']:g} m and {joins['within_h']:g} h" if joins["within_m"] else "never"),
    ]
