"""What the pages say is true: links lead somewhere, commands exist, and the tables are the code's."""

import argparse
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

import gewu_dispatch.settings
import gewu_intake.settings
import gewu_notify.settings
import gewu_video.settings
from gewu import cli, topics
from gewu.city import load
from gewu.errors import Why
from gewu.runtime import migrate
from gewu.runtime.env import Env
from gewu_dispatch.http import openapi as dispatch_openapi
from gewu_intake import openapi as intake_openapi
from gewu_notify import openapi as notify_openapi
from tests.support import catalogue

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "services/*/*.md", "deploy/*.md", "cities/**/*.md", "tests/**/*.md")
    for page in ROOT.glob(pattern)
)
OPS = {"/livez", "/readyz", "/metrics", "/docs", "/openapi.json"}
UNITS = {"KiB": 1024, "MiB": 1024**2}
REWRITE = "`python -m tests.test_docs` writes the tables of settings and the catalogue of metrics anew"


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_pages_are_there() -> None:
    names = set(map(_name, PAGES))
    assert {"README.md", "README.zh-CN.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/one-report.md"} <= names
    assert {f"services/{name}/README.md" for name in ("intake", "dispatch", "video", "notify")} <= names
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]


# Links


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere inside the repository; those to elsewhere are not looked at."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            found.append(target)
    return found


def _prose(page: Path) -> str:
    """The page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", _prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One head\n[a](page.md) [b](#one-head) [c](gone.md) [d](#no-head)\n```\n[e](code.md)\n```\n")
    assert broken(page) == ["gone.md", "#no-head"]


def test_every_decision_has_its_number_and_its_parts() -> None:
    records = sorted((ROOT / "docs/decisions").glob("0*.md"))
    index = (ROOT / "docs/decisions/README.md").read_text()
    for number, record in enumerate(records, 1):
        text = record.read_text()
        assert record.name.startswith(f"{number:04}-") and text.startswith(f"# {number:04} ") and record.name in index
        parts = ["Context", "Verdict" if "verdict" in record.name else "Decision", "Enforced by"]
        assert all(f"\n## {part}\n" in text for part in parts) and text.count("\n") < 70, record.name


# Commands


def wrong_commands(text: str) -> list[str]:
    """`gewu …` and `make …` in code that do not exist: a word where a command must be, an option that it lacks."""
    made = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    spans = re.findall(r"^```.*?^```|`[^`\n]+`", text, re.M | re.S)
    found = [f"make {t}" for span in spans for t in re.findall(r"\bmake ([a-z0-9-]+)", span) if t not in made]
    for span in spans:
        for words in re.findall(r"(?<![\w-])gewu((?: +[^\s`|;)#]+)+)", span):
            if fault := _fault(words.split()):
                found.append(f"gewu{words}: {fault}")
    return found


def _fault(words: list[str]) -> str:
    parser, options = cli._parser(), set[str]()
    while words:
        options |= set(parser._option_string_actions)
        below = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
        word = words.pop(0).rstrip(",.:")
        if word == "--env-file":
            words = words[1:]
        elif word.startswith("-"):
            if word not in options:
                return f"{word} is no option"
        elif below is not None and word.isupper():
            return ""  # COMMAND stands for any
        elif below is not None:
            if word not in below.choices:
                return f"{word} is no command"
            parser = below.choices[word]
    return ""


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    assert wrong_commands(page.read_text()) == []


def test_a_command_that_does_not_exist_is_found() -> None:
    text = "`make rum` `make run` `gewu fly` `gewu keys lose` `gewu dev --slow` `gewu dev --seconds 3` `gewu`"
    assert [w.split(":")[0] for w in wrong_commands(text)] == [
        "make rum",
        "gewu fly",
        "gewu keys lose",
        "gewu dev --slow",
    ]


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readme_names_every_command(page: str) -> None:
    text = (ROOT / page).read_text()
    below = next(a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    for name, parser in below.choices.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `gewu {name}"))
        actions = next((a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)), {})
        assert all(f"{action}`" in row for action in actions), row


# Tables


def rows(page: str, *head: str) -> list[tuple[str, ...]]:
    """The cells of the table with this head, without code marks."""
    lines = (ROOT / page).read_text().splitlines()
    start = lines.index(f"| {' | '.join(head)} |") + 2
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        found.append(tuple(cell.strip().replace("`", "") for cell in line.strip().strip("|").split(" |")))
    assert found and all(len(row) == len(head) for row in found), found
    return found


SETTINGS = ("setting", "default", "meaning")
DEFINE = {
    "intake": gewu_intake.settings.define,
    "dispatch": gewu_dispatch.settings.define,
    "video": gewu_video.settings.define,
    "notify": gewu_notify.settings.define,
}


def settings_of(service: str) -> list[tuple[str, ...]]:
    """What the service asks its environment for."""
    env = Env({})
    DEFINE[service](env)
    return [(k.name, k.default or "none", k.meaning) for k in env.known.values()]


def _plain(table: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return sorted(tuple(cell.replace("`", "") for cell in row) for row in table)


@pytest.mark.parametrize("service", list(DEFINE))
def test_the_settings_are_those_that_the_service_asks_for(service: str) -> None:
    assert sorted(rows(f"services/{service}/README.md", *SETTINGS)) == _plain(settings_of(service)), REWRITE


def test_the_catalogue_of_metrics_is_that_of_the_code() -> None:
    assert (ROOT / "docs/metrics.md").read_text() == catalogue.page(), REWRITE


def test_every_metric_that_a_page_names_exists() -> None:
    known = {e.name for s in catalogue.SERVICES for e in catalogue.entries(s)} | {
        "gewu_intake",
        "gewu_dispatch",
        "gewu_video",
        "gewu_notify",
    }
    named = [(_name(p), m) for p in PAGES for m in re.findall(r"`(gewu_[a-z_]+)[`{]", p.read_text())]
    assert len(named) > 40 and [(page, metric) for page, metric in named if metric not in known] == []


@pytest.mark.parametrize("service", list(DEFINE))
def test_every_metric_says_what_it_is_and_when_to_worry(service: str) -> None:
    found = catalogue.entries(service)
    assert len(found) > 15
    assert [e.name for e in found if not e.says.endswith(".") or not e.worry.endswith(".") or "|" in e.says] == []
    assert [e.name for e in found if not set(e.labels) <= set(catalogue.LABELS)] == []


@pytest.mark.parametrize("service", ["intake", "dispatch", "notify"])
def test_the_paths_are_those_that_the_service_answers(service: str, demo: Path) -> None:
    documents = {
        "intake": lambda: intake_openapi.document(load(demo)),
        "dispatch": dispatch_openapi.document,
        "notify": notify_openapi.document,
    }
    document = documents[service]()
    wanted = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    found = {(method, path) for method, path, _ in rows(f"services/{service}/README.md", "method", "path", "answers")}
    assert found == wanted | {("GET", path) for path in OPS}


@pytest.mark.parametrize("service", ["dispatch", "notify"])
def test_the_tables_are_those_that_the_migrations_make(service: str) -> None:
    made = {
        name for m in migrate.migrations(f"gewu_{service}") for name in re.findall(r"^CREATE TABLE (\w+)", m.sql, re.M)
    }
    assert {row[0] for row in rows(f"services/{service}/README.md", "table", "holds")} == made | {"migration"}


def test_the_topics_are_those_of_the_registry() -> None:
    head = ("topic", "key", "partitions", "retention", "record", "says", "hears", "parking")
    found = {
        (name, int(partitions), retention, record, says, hears, parking)
        for name, _, partitions, retention, record, says, hears, parking in rows("docs/architecture.md", *head)
    }

    def worded(text: str) -> str:
        return re.sub(r"\bxyz\b", "<department>", text)

    wanted = {
        (
            worded(t.name), t.partitions, f"{t.retention.days} d" if t.retention else "for ever",
            f"{t.record_bytes // 1024} KiB", worded(", ".join(t.says)), worded(", ".join(t.hears)), t.parking or "",
        )
        for t in topics.registry(["xyz"])
    }  # fmt: skip
    assert found == wanted


def test_every_reason_of_a_stall_is_explained_and_no_other() -> None:
    found = rows("docs/architecture.md", "why", "word", "happens when", "what happens", "red")
    assert [row[0] for row in found] and {row[0] for row in found} == {why.value for why in Why}
    assert {row[1] for row in found} == {"Never", "NotNow", "both"}


def _number(text: str) -> float:
    found = re.match(r"([\d,]+)(?: (KiB|MiB))?", text)
    assert found, text
    return int(found[1].replace(",", "")) * UNITS.get(found[2] or "", 1)


def test_the_bounds_are_those_of_the_code() -> None:
    checked = 0
    for bound, value, where, _ in rows("docs/architecture.md", "bound", "value", "where", "when it is reached"):
        where = where.partition(" for ")[0]  # what it bounds is looked at in tests/structure/growing.py
        if re.fullmatch(r"[\w.]+:[\w.]+", where):
            module, _, name = where.partition(":")
            real: Any = importlib.import_module(module)
            for part in name.split("."):
                real = getattr(real, part)
            assert _number(value) == real, bound
            checked += 1
        elif where.startswith("setting "):
            assert _asked(where.removeprefix("setting ")) == re.sub(r"[ ,]", "", value), bound
            checked += 1
        elif not where.startswith("table "):
            file = where.split(",")[0]
            service = file.split("/")[0].removeprefix("gewu_")
            base = "gewu/src" if service == "gewu" else f"services/{service}/src"
            assert (ROOT / base / file).is_file(), file
    assert checked > 20


def _asked(name: str) -> str:
    env = Env({})
    for define in DEFINE.values():
        define(env)
    return env.known[name].default


def test_the_glossarys_words_are_words_of_the_code() -> None:
    sources = [p for s in ("gewu/src", "services") for p in (ROOT / s).rglob("*.py") if not p.name.endswith("_pb2.py")]
    words = set(re.findall(r"[a-z]+", " ".join(p.read_text() for p in sources).lower().replace("_", " ")))
    found = rows("docs/architecture.md", "word", "中文", "is")
    assert len(found) == len({row[0] for row in found}) and {row[0] for row in found} <= words
    assert all(re.search("[一-鿿]", row[1]) for row in found)


def test_no_page_names_a_place_of_somebodys_machine() -> None:
    private = re.compile(r"/(?:work|home|root|Users|tmp)/|\bpypi\.org|maven\.org|127\.0\.0\.1:\d{5}")
    assert [(_name(p), m[0]) for p in PAGES for m in private.finditer(p.read_text())] == []


def rewrite() -> None:
    """Write the services' tables of settings and the catalogue of metrics as the code has them."""
    (ROOT / "docs/metrics.md").write_text(catalogue.page())
    for service in DEFINE:
        page = ROOT / f"services/{service}/README.md"
        lines = [f"| `{name}` | {middle} | {meaning} |" for name, middle, meaning in settings_of(service)]
        top = f"| {' | '.join(SETTINGS)} |\n|---|---|---|\n"
        text = page.read_text()
        before, _, after = text.partition(top)
        rest = after[re.match(r"(?:\|.*\n)*", after).end() :]  # type: ignore[union-attr]
        page.write_text(before + top + "\n".join(lines) + "\n" + rest)


if __name__ == "__main__":
    rewrite()
