"""docs/coverage.md keeps its word: every arrangement once, a state of the list, tests that exist, themes and sums that agree."""

import ast
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/coverage.md"
ARRANGEMENTS = 185
STATES = ("shown", "partly", "later", "declined")
MOST_TESTS = 3
FEWEST_WORDS = 3

_TEST = re.compile(r"`([^`]+\.py)::(\w+)`")
_THEME = re.compile(r"\*([^*]+)\*")
_RULE = re.compile(r"\bDESIGN \d+|\bG\d+")
_COUNT = re.compile(rf"(\d+) ({'|'.join(STATES)})\b")

Defines = Callable[[str, str], bool]


@dataclass(frozen=True)
class Row:
    """An arrangement as the page has it."""

    number: int
    arrangement: str
    state: str
    why: str

    @property
    def tests(self) -> list[tuple[str, str]]:
        """File and function of each test that it names."""
        return _TEST.findall(self.why)

    @property
    def themes(self) -> list[str]:
        """Those under which it will come."""
        return _THEME.findall(_TEST.sub("", self.why))

    @property
    def words(self) -> list[str]:
        """What it says beside tests and themes."""
        return re.findall(r"[\w']+", _THEME.sub("", _TEST.sub("", self.why)))


def rows_of(page: str) -> list[Row]:
    """The rows of its table, in their order."""
    found = []
    for line in page.splitlines():
        if re.match(r"\| *\d", line):
            number, arrangement, state, why = (cell.strip() for cell in line.strip().strip("|").split(" | "))
            found.append(Row(int(number), arrangement, state, why))
    return found


def listed(page: str, heading: str) -> list[str]:
    """What the list below this heading explains, without its marks."""
    below = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [name.strip("*") for name in re.findall(r"^- ([^:\n]+): \S", below, re.M)]


@cache
def functions(path: Path) -> frozenset[str]:
    """The functions at the top of a file; none if it is not there."""
    if not path.is_file():
        return frozenset()
    body = ast.parse(path.read_text()).body
    return frozenset(part.name for part in body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))


def defines(file: str, name: str) -> bool:
    """Whether this file of the repository has this test."""
    return re.fullmatch(r"tests/[\w/]*test_\w+\.py", file) is not None and name in functions(ROOT / file)


def faults(page: str, is_test: Defines = defines) -> list[str]:
    """All that is wrong with the page."""
    rows = rows_of(page)
    found = [] if [row.number for row in rows] == [*range(1, ARRANGEMENTS + 1)] else _misnumbered(rows)
    for row in rows:
        found += [f"row {row.number}: {fault}" for fault in _faults_of(row, is_test)]
    used = {theme for row in rows for theme in row.themes}
    found += _compared("theme", used, listed(page, "Themes"))
    found += _compared("rule", {rule for row in rows for rule in _RULE.findall(row.why)}, listed(page, "Rules"))
    return found + _miscounted(page, rows)


def _misnumbered(rows: list[Row]) -> list[str]:
    often = Counter(row.number for row in rows)
    found = [f"no row {n}" for n in range(1, ARRANGEMENTS + 1) if not often[n]]
    found += [f"row {n} stands there {times} times" for n, times in often.items() if times > 1]
    found += [f"row {n}: there is no such arrangement" for n in often if not 1 <= n <= ARRANGEMENTS]
    return found or ["the rows are not in order"]


def _faults_of(row: Row, is_test: Defines) -> list[str]:
    found = [f"there is no test {file}::{name}" for file, name in row.tests if not is_test(file, name)]
    rest = _TEST.sub("", row.why)
    if "::" in rest or "`" in rest:
        found.append("something in code marks is no test's name")
    if not row.arrangement:
        found.append("it does not say what it is")
    if row.state not in STATES:
        return [*found, f"'{row.state}' is no state"]
    if row.state in ("shown", "partly") and not row.tests:
        found.append(f"{row.state}, and no test is named")
    if len(row.tests) > MOST_TESTS:
        found.append(f"{len(row.tests)} tests are named, {MOST_TESTS} at most")
    if row.state != "shown" and len(row.words) < FEWEST_WORDS:
        found.append(f"{row.state}, and not a word why")
    if row.state == "partly" and "Missing: " not in row.why:
        found.append("partly, and nothing is said to be missing")
    if row.state == "later" and not row.themes:
        found.append("later, and under no theme")
    if row.state in ("shown", "declined") and row.themes:
        found.append(f"{row.state}, and a theme is named")
    if row.state == "declined" and not (_RULE.search(row.why) or "not software's business" in row.why):
        found.append("declined, and by no rule")
    return found


def _compared(kind: str, used: set[str], names: list[str]) -> list[str]:
    found = [f"{kind} '{name}' is not in the list" for name in sorted(used - set(names))]
    found += [f"{kind} '{name}' is in the list and in no row" for name in sorted(set(names) - used)]
    return found + [f"{kind} '{name}' is in the list {n} times" for name, n in Counter(names).items() if n > 1]


def _miscounted(page: str, rows: list[Row]) -> list[str]:
    head = page.partition("\n## ")[0]
    said = [(state, int(number)) for number, state in _COUNT.findall(head)]
    real = Counter(row.state for row in rows)
    wanted = [(state, real[state]) for state in STATES]
    return [] if said == wanted else [f"the head counts {said}, the table has {wanted}"]


def test_the_page_is_in_order() -> None:
    assert faults(PAGE.read_text()) == []


def test_the_page_is_read_as_it_is_written() -> None:
    rows = {row.number: row for row in rows_of(PAGE.read_text())}
    ads = rows[177]
    assert ads.state == "shown" and {file for file, _ in ads.tests} == {"tests/dispatch/test_small_ads.py"}
    assert sum(len(row.tests) for row in rows.values()) > 100


def test_a_test_is_one_only_if_its_file_has_it() -> None:
    here = "tests/test_coverage_page.py"
    assert defines(here, "test_a_test_is_one_only_if_its_file_has_it")
    assert defines("tests/test_one_report.py", "test_one_report_passes_the_logs_in_the_order_of_the_page"), "async too"
    for file, name in (
        (here, "test_of_nothing"), (here, "Row"), ("tests/test_gone.py", "test_x"), ("tests/../README.md", "test_x"),
        ("gewu/src/gewu/clock.py", "micros"), ("tests/conftest.py", "demo"),
    ):  # fmt: skip
        assert not defines(file, name), (file, name)


RIGHT = [
    "| 1 | One thing (一) | shown | `tests/test_a.py::test_a` |",
    "| 2 | Another | partly | `tests/test_a.py::test_a`, `tests/test_a.py::test_b`. Missing: the third of them (*lights*). |",
    "| 3 | A third | later | *lights*: red, yellow and green. |",
    *(f"| {n} | More | later | *clocks*: hands that go round. |" for n in range(4, ARRANGEMENTS)),
    "| 185 | The last | declined | Nobody is counted (DESIGN 5), and nothing else. |",
]


def _page(rows: list[str], themes: str = "lights clocks", rules: str = "DESIGN 5", count: str = "") -> str:
    count = count or "1 shown, 1 partly, 182 later, 1 declined"
    list_ = "\n".join(f"- *{theme}*: words." for theme in themes.split())
    table = "\n".join(["| no. | arrangement | state | why |", "|---|---|---|---|", *rows])
    return (
        f"# Coverage\n\n{count}; 185.\n\n## Rows\n\n{table}\n\n## Themes\n\n{list_}\n\n## Rules\n\n- {rules}: words.\n"
    )


def _found(rows: list[str] = RIGHT, **changed: str) -> list[str]:
    return faults(_page(rows, **changed), lambda file, name: (file, name[:5]) == ("tests/test_a.py", "test_"))


def test_a_page_that_is_right_has_no_fault() -> None:
    assert _found() == []


def test_a_number_that_is_missing_or_twice_or_out_of_order_is_found() -> None:
    assert _found([*RIGHT[:9], *RIGHT[10:]], count="1 shown, 1 partly, 181 later, 1 declined") == ["no row 10"]
    assert _found([*RIGHT[:9], RIGHT[8], *RIGHT[10:]]) == ["no row 10", "row 9 stands there 2 times"]
    assert _found([RIGHT[1], RIGHT[0], *RIGHT[2:]]) == ["the rows are not in order"]
    beyond = [*RIGHT, "| 186 | Beyond | later | *clocks*: hands that go round. |"]
    more = "1 shown, 1 partly, 183 later, 1 declined"
    assert _found(beyond, count=more) == ["row 186: there is no such arrangement"]


@pytest.mark.parametrize(
    ("row", "old", "new", "fault"),
    [
        (1, "test_a.py", "test_gone.py", "there is no test tests/test_gone.py::test_a"),
        (1, "::test_a", "::tset_a", "there is no test tests/test_a.py::tset_a"),
        (1, "`tests/test_a.py::test_a`", "so it is", "shown, and no test is named"),
        (1, "`tests/test_a.py::test_a`", "`tests/test_a.py::test_a`, `tests/test_b.py`", "something in code marks is no test's"),
        (1, "`tests/test_a.py::test_a`", "`tests/test_a.py::test_a`" * 4, "4 tests are named, 3 at most"),
        (1, " |", " *lights* |", "shown, and a theme is named"),
        (2, "Missing: the third of them ", "", "partly, and not a word why"),
        (2, "Missing", "Without", "partly, and nothing is said to be missing"),
        (2, "`tests/test_a.py::test_a`, `tests/test_a.py::test_b`.", "", "partly, and no test is named"),
        (3, "*lights*: red", "red", "later, and under no theme"),
        (3, ": red, yellow and green.", "", "later, and not a word why"),
        (3, "A third", "", "it does not say what it is"),
        (185, "(DESIGN 5)", "of us", "declined, and by no rule"),
        (185, "else", "*lights*", "declined, and a theme is named"),
    ],
)  # fmt: skip
def test_a_fault_of_a_row_is_found(row: int, old: str, new: str, fault: str) -> None:
    rows = list(RIGHT)
    assert old in rows[row - 1]
    head, _, tail = rows[row - 1].rpartition(old) if old == " |" else rows[row - 1].partition(old)
    rows[row - 1] = f"{head}{new}{tail}"
    found = _found(rows)
    assert any(said.startswith(f"row {row}: {fault}") for said in found), found


def test_a_state_that_is_none_is_found_and_counts_for_nothing() -> None:
    rows = [RIGHT[0].replace("shown", "done"), *RIGHT[1:]]
    assert _found(rows, count="0 shown, 1 partly, 182 later, 1 declined") == ["row 1: 'done' is no state"]


def test_a_theme_or_a_rule_that_is_not_explained_or_not_used_is_found() -> None:
    assert _found(themes="clocks") == ["theme 'lights' is not in the list"]
    assert _found(themes="lights clocks meetings") == ["theme 'meetings' is in the list and in no row"]
    assert _found(themes="lights clocks clocks") == ["theme 'clocks' is in the list 2 times"]
    assert _found(rules="G12") == ["rule 'DESIGN 5' is not in the list", "rule 'G12' is in the list and in no row"]


def test_sums_that_are_not_the_tables_are_found() -> None:
    for wrong in ("2 shown, 1 partly, 181 later, 1 declined", "1 shown, 1 partly, 182 later", "none at all"):
        (fault,) = _found(count=wrong)
        assert fault.endswith("the table has [('shown', 1), ('partly', 1), ('later', 182), ('declined', 1)]"), fault
