"""The house keeps its shape: each rule holds, and each has been seen to trip."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.structure import growing, rules

ROOT = Path(__file__).parents[2]
RULES = [
    rules.too_long, rules.banned_names, rules.without_docstring, rules.spelled_topics, rules.sql_elsewhere, growing.unbounded,
]  # fmt: skip
Rule = Callable[[Path], list[str]]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.__name__)
def test_the_rule_holds(rule: Rule) -> None:
    assert rule(ROOT) == []


PLANTED = {
    "too_long": ("long.py", '"""x."""\n\n\ndef f() -> None:\n    """y."""\n' + "    x = 1\n" * 40),
    "banned_names": ("utils.py", '"""x."""\n'),
    "without_docstring": ("silent.py", '"""x."""\n\n\ndef loud() -> None:\n    return None\n'),
    "spelled_topics": ("spelled.py", '"""x."""\n\nNAME = "signals.p0"\n'),
    "sql_elsewhere": ("query.py", '"""x."""\n\nQ = "SELECT a FROM b"\n'),
    "unbounded": (
        "keeps.py",
        '"""x."""\n\n\nclass A:\n    """y."""\n\n    def __init__(self) -> None:\n        self._x: list[int] = []\n\n'
        "    def _y(self) -> None:\n        self._x.append(1)\n",
    ),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.__name__)
def test_the_rule_trips(rule: Rule, tmp_path: Path) -> None:
    name, text = PLANTED[rule.__name__]
    folder = tmp_path / "services/intake/src/gewu_intake"
    folder.mkdir(parents=True)
    (folder / "fine.py").write_text('"""Fine."""\n')
    assert rule(tmp_path) == []
    (folder / name).write_text(text)
    assert len(rule(tmp_path)) == 1


def test_a_bound_that_is_struck_from_the_table_is_missed(tmp_path: Path) -> None:
    for name in ("gewu", "services", "sdk"):
        (tmp_path / name).symlink_to(ROOT / name)
    page = tmp_path / "docs/architecture.md"
    page.parent.mkdir()
    lines, gone = (ROOT / "docs/architecture.md").read_text().splitlines(), "gewu_notify.sending.sender:Sender._marks"
    page.write_text("\n".join(line for line in lines if gone not in line))
    assert growing.unbounded(tmp_path) == [f"{gone}: no row of docs/architecture.md"]
    page.write_text("\n".join(line.replace(gone, "gewu.gone:It._was") for line in lines))
    assert growing.unbounded(tmp_path) == [
        f"{gone}: no row of docs/architecture.md",
        "gewu.gone:It._was: grows no more",
    ]


@pytest.mark.parametrize(
    "born",
    [
        "self._x = asyncio.Queue(8)",
        "self._x: deque[int] = deque()",
        "self._at, self._x = 0, list[int]()\n        self._x.extend([1])",
        "self._x: list[int] = []\n    def g(self): heapq.heappush(self._x, 1)",
        "self._x: set[int] = set()\n    def g(self): self._x.add(1)",
        "self._x: list[int] = []\n    def g(self): self._x += [1]",
    ],
)
def test_each_way_to_keep_things_is_seen(born: str, tmp_path: Path) -> None:
    folder = tmp_path / "gewu/src/gewu/runtime"
    folder.mkdir(parents=True)
    (folder / "keeps.py").write_text(f"class A:\n    def f(self):\n        {born}\n")
    assert growing.unbounded(tmp_path) == ["gewu.runtime.keeps:A._x: no row of docs/architecture.md"]


def _contracts(root: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(
        str(root / s)
        for s in (
            "gewu/src",
            "services/intake/src",
            "services/dispatch/src",
            "services/video/src",
            "services/notify/src",
            "sdk/src",
        )
    )
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", root / "pyproject.toml", "--no-cache"],
        cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip


def test_the_import_contracts_hold() -> None:
    done = _contracts(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("services/dispatch/src/gewu_dispatch/domain/case.py", "import asyncpg", "The domain is pure"),
        ("services/intake/src/gewu_intake/domain/report.py", "from gewu.v1 import signal_pb2", "The domain is pure"),
        (
            "services/dispatch/src/gewu_dispatch/http/views.py",
            "import gewu_intake.parse",
            "Services meet only on Kafka",
        ),
        ("gewu/src/gewu/runtime/logs.py", "import gewu_dispatch", "The shared library knows no service"),
        ("gewu/src/gewu/topics.py", "from gewu.runtime import postgres", "Contracts and city packages need nothing"),
        ("gewu/src/gewu/runtime/kafka.py", "import gewu.dev.ports", "The runtime serves"),
        ("gewu/src/gewu/audit/__init__.py", "from gewu.runtime import positions", "The judge shares no code"),
        ("gewu/src/gewu/audit/store.py", "from gewu.runtime import logs", "The judge shares no code"),
        ("gewu/src/gewu/audit/grids.py", "from gewu.city.measure import areas_m2", "The judge shares no code"),
        ("gewu/src/gewu/audit/grids.py", "from gewu.city import load", "The judge shares no code"),
        ("gewu/src/gewu/audit/judge.py", "import gewu_dispatch.wire", "The judge shares no code"),
        (
            "services/dispatch/src/gewu_dispatch/store/reads.py",
            "from gewu_dispatch import http",
            "The rooms of dispatch",
        ),
        ("services/intake/src/gewu_intake/wire.py", "from gewu_intake import handlers", "The rooms of intake"),
        ("sdk/src/gewu_department/seen.py", "from gewu.runtime import kafka", "A department's program needs little"),
        ("sdk/src/gewu_department/seen.py", "import gewu_dispatch.wire", "A department's program needs little"),
        ("gewu/src/gewu/cli/topics.py", "import gewu_department", "The shared library knows no service"),
        ("services/video/src/gewu_video/wire.py", "from gewu_video import handlers", "The rooms of video"),
        ("services/video/src/gewu_video/child.py", "import gewu.runtime.kafka", "A camera's child knows no Kafka"),
        ("services/intake/src/gewu_intake/app.py", "import gewu.mask.cover", "What decodes pictures"),
        ("gewu/src/gewu/runtime/logs.py", "import cv2", "What decodes pictures"),
        ("services/notify/src/gewu_notify/wire.py", "from gewu_notify import handlers", "The rooms of notify"),
    ],
)
def test_each_import_contract_trips(tmp_path: Path, module: str, planted: str, contract: str) -> None:
    for name in ("gewu", "services", "sdk"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file = tmp_path / module
    file.write_text(file.read_text() + f"\n{planted}\n")
    done = _contracts(tmp_path)
    broken = " ".join(done.stdout.split())
    assert done.returncode == 1 and contract in broken[broken.index("Broken contracts") :], done.stdout[-2000:]


_OF_THE_RUNTIME = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted(m for m in sys.modules if m.startswith("gewu.runtime.")))
"""


def test_of_the_runtime_the_judge_loads_only_how_to_reach_the_servers() -> None:
    names = [f"gewu.audit.{p.stem}" for p in (ROOT / "gewu/src/gewu/audit").glob("*.py") if p.stem != "__init__"]
    done = subprocess.run([sys.executable, "-c", _OF_THE_RUNTIME, *names], capture_output=True, text=True)
    assert done.stdout.split() == ["gewu.runtime.env", "gewu.runtime.settings"], done.stderr


_WATCH = """
import sys, importlib, threading
forbidden = {"socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.system", "os.mkdir", "os.remove"}
def watch(event, arguments):
    if event in forbidden:
        raise SystemExit(f"importing {current} did {event}")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise SystemExit(f"importing {current} wrote to {arguments[0]}")
sys.dont_write_bytecode = True
current = ""
sys.addaudithook(watch)
for current in sys.argv[1:]:
    importlib.import_module(current)
    if threading.active_count() > 1:
        raise SystemExit(f"importing {current} started a thread")
"""


def _imported(names: list[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GEWU_")}
    return subprocess.run(
        [sys.executable, "-c", _WATCH, *names], env={**env, **({"PYTHONPATH": str(folder)} if folder else {})},
        capture_output=True, text=True,
    )  # fmt: skip


def test_importing_any_module_does_nothing() -> None:
    names = [
        ".".join(p.relative_to(next(s for s in p.parents if s.name == "src")).with_suffix("").parts)
        for p in rules.modules(ROOT)
    ]
    done = _imported([n.removesuffix(".__init__") for n in names if not n.endswith("__main__")])
    assert done.returncode == 0, done.stderr


_DEEDS = [
    "open('x', 'w')",
    "__import__('threading').Thread(target=__import__('time').sleep, args=(1,)).start()",
    "__import__('os').mkdir('x')",
]


@pytest.mark.parametrize("deed", _DEEDS)
def test_a_module_that_does_something_on_import_is_caught(tmp_path: Path, deed: str) -> None:
    (tmp_path / "busy.py").write_text(deed)
    assert _imported(["busy"], tmp_path).returncode == 1


def test_every_requirement_is_pinned_with_hashes_and_no_index_address() -> None:
    text = (ROOT / "requirements/dev.txt").read_text()
    assert "http" not in text.replace("httptools", "").replace("aiohttp", "").replace("httpx", "").replace(
        "httpcore", ""
    )
    pins = {line.split("==")[0] for line in text.splitlines() if "==" in line}
    wanted = {_name(line) for line in (ROOT / "requirements/dev.in").read_text().splitlines() if line[:1].isalpha()}
    import tomllib

    project = tomllib.loads((ROOT / "gewu/pyproject.toml").read_text())["project"]
    for group in (project["dependencies"], *project["optional-dependencies"].values()):
        wanted |= {_name(line) for line in group}
    assert wanted <= pins, f"run `make locks`: {wanted - pins} missing"
    assert text.count("--hash=sha256:") > len(pins)


def _name(requirement: str) -> str:
    return requirement.split("[")[0].split("=")[0].split(">")[0].split("<")[0].strip().lower().replace("_", "-")


def test_no_source_is_left_unparsed() -> None:
    assert sum(1 for p in rules.modules(ROOT) if ast.parse(p.read_text())) > 60


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=["rules", "form"])
def test_the_style_holds(arguments: list[str]) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("ruff"), *arguments, "."], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:]
