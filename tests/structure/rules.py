"""The rules of structure, each as a function from a source tree to what breaks it."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES, MEDIAN_LINES, FUNCTION_LINES = 300, 120, 40
BANNED = {"utils", "util", "helpers", "helper", "manager", "misc", "base", "core", "common"}
_TOPIC = re.compile(
    r"\b(?:signals|parked)\.p[0-3]\b|^(?:signals|dispatch|actions|parked)\.[a-z{]?|\bcases\.changed\b|\bparked\.actions\b"
)
_SOURCES = (
    "gewu/src",
    "services/intake/src",
    "services/dispatch/src",
    "services/video/src",
    "services/notify/src",
    "sdk/src",
)


def modules(root: Path) -> Iterator[Path]:
    """Every module that people wrote."""
    for source in _SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            if not path.name.endswith("_pb2.py"):
                yield path


def too_long(root: Path) -> list[str]:
    """Modules over the limit, functions over theirs, and a median module that is too long."""
    found, sizes = [], []
    for path in modules(root):
        text = path.read_text()
        sizes.append(lines := text.count("\n"))
        if lines > MODULE_LINES:
            found.append(f"{path.relative_to(root)}: {lines} lines, at most {MODULE_LINES}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > FUNCTION_LINES:
                    found.append(
                        f"{path.relative_to(root)}:{node.lineno} {node.name}: {size} lines, at most {FUNCTION_LINES}"
                    )
    if sizes and statistics.median(sizes) > MEDIAN_LINES:
        found.append(f"the median module has {statistics.median(sizes)} lines, at most {MEDIAN_LINES}")
    return found


def banned_names(root: Path) -> list[str]:
    """Modules and folders whose name says nothing."""
    return [str(p.relative_to(root)) for p in modules(root) if {p.stem, p.parent.name} & BANNED]


def without_docstring(root: Path) -> list[str]:
    """Modules, public classes and public functions of a module that promise nothing."""
    found = []
    for path in modules(root):
        tree = ast.parse(path.read_text())
        nodes: list[ast.AST] = [
            tree,
            *(n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)),
        ]
        for node in nodes:
            name = getattr(node, "name", "module")
            if not name.startswith("_") and not ast.get_docstring(node):  # type: ignore[arg-type]
                found.append(f"{path.relative_to(root)}: {name}")
    return found


def spelled_topics(root: Path) -> list[str]:
    """String literals outside the registry that look like a topic's name."""
    found = []
    for path in modules(root):
        if path.name == "topics.py" and path.parent.name == "gewu":
            continue
        tree = ast.parse(path.read_text())
        docs = {id(d) for d in _docstrings(tree)}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in docs
                and _TOPIC.search(node.value)
            ):
                found.append(f"{path.relative_to(root)}:{node.lineno} {node.value!r}")
    return found


def _docstrings(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            yield body[0].value


def sql_elsewhere(root: Path) -> list[str]:
    """SQL outside the rooms that may hold it."""
    allowed = (
        "gewu/src/gewu/runtime/",
        "gewu/src/gewu/audit/",
        "gewu/src/gewu/dev/",
        "services/dispatch/src/gewu_dispatch/store/",
        "services/notify/src/gewu_notify/store/",
    )
    verb = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b", re.S)
    found = []
    for path in modules(root):
        where = str(path.relative_to(root))
        if where.startswith(allowed):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and verb.search(node.value):
                found.append(f"{where}:{node.lineno}")
    return found
