"""`gewu city class`: what a word means, and what was probably meant."""

import json
from pathlib import Path

from tests.cli.running import Gewu


def test_a_word_is_looked_up_as_intake_does(gewu: Gewu, demo: Path) -> None:
    ended = gewu("city", "class", "2:matter:0136", "--city", demo)
    assert ended.code == 0 and ended.out.startswith("matter:06036 乱堆杂物 / ")
    assert "1:matter:0507, 2:matter:0136" in ended.out
    said = json.loads(gewu("city", "class", "供水井盖", "--city", demo, "--json").out)
    assert said["class"] == "component:01001" and said["limits"][0] == {
        "amount": 2, "unit": "uh", "if_zh": "", "if_en": "",
    }  # fmt: skip


def test_a_word_that_means_nothing_is_answered_with_words_like_it(gewu: Gewu, demo: Path) -> None:
    ended = gewu("city", "class", "manhol", "--city", demo)
    assert ended.code == 1 and "goes to the fallback" in ended.out and "component:01023 不明井盖" in ended.out
    assert gewu("city", "class", "xyzzy", "--city", demo).out.count("\n") == 1
