"""What waits in memory stands in the table of bounds, or here with the reason why it cannot grow."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.structure.rules import modules

_PAGE = "docs/architecture.md"
_TOOLS = re.compile(r"gewu/src/gewu/(audit|cli|dev|load|trace)/")  # a person waits for their end
_QUEUES = {"Queue", "PriorityQueue", "deque"}
_KINDS = {"list", "set", *_QUEUES}
_GROWS = {"add", "append", "extend", "heappush", "insert", "update"}

EXEMPT = {
    "gewu.runtime.env:Env._faults": "the settings that are wrong, at start",
    "gewu.runtime.groupcommit:GroupCommit._tasks": "one a partition, the sweep, and the making of one producer",
    "gewu.runtime.relay:_Said.shut": "partitions; it ends with its round",
    "gewu.runtime.settle:Settler._parked": "offsets of the one batch that is being settled",
    "gewu_department.reading:Reader._started_over": "partitions of one topic",
}


def unbounded(root: Path) -> list[str]:
    """Queues, deques, lists and sets that objects keep and add to, of which no row of the table says what bounds them; and
    names in table or exemptions that are no such thing any more.

    A row names them in its third cell, after "for". Not looked for: dicts, nearly all of which have a key for each thing that
    the configuration names; fields of dataclasses, which are values; what lives within one call; the tools of the command.
    """
    page = root / _PAGE
    text = page.read_text() if page.exists() else ""
    where = [cells[3] for line in text.splitlines() if len(cells := line.split("|")) == 6]
    named = {name for cell in where for name in re.findall(r"`([^`]+)`", cell.partition(" for ")[2])}
    found = set(_growing(root))
    stale = (named | EXEMPT.keys()) - found if text else set()
    return [f"{name}: no row of {_PAGE}" for name in sorted(found - named - EXEMPT.keys())] + [
        f"{name}: grows no more" for name in sorted(stale)
    ]


def _growing(root: Path) -> Iterator[str]:
    for path in modules(root):
        if _TOOLS.match(str(path.relative_to(root))):
            continue
        tree = ast.parse(path.read_text())
        grown = {name for node in ast.walk(tree) for name in _grown(node)}
        module = ".".join(path.with_suffix("").parts[path.parts.index("src", len(root.parts)) + 1 :])
        for owner in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            for name, kind in {born for node in ast.walk(owner) for born in _born(node)}:
                if kind in _QUEUES or name in grown:
                    yield f"{module}:{owner.name}.{name}"


def _born(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Attributes that get an empty container here, and its kind; of a dataclass the queues alone."""
    if not (isinstance(node, ast.Assign | ast.AnnAssign) and node.value):
        return
    target, value = node.targets[0] if isinstance(node, ast.Assign) else node.target, node.value
    several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
    for one, given in zip(target.elts, value.elts, strict=True) if several else [(target, value)]:  # type: ignore[attr-defined]
        kind = _kind(given)
        if isinstance(one, ast.Attribute) and _name(one.value) == "self" and kind in _KINDS:
            yield one.attr, kind
        elif isinstance(one, ast.Name) and kind == "field" and (queues := set(map(_kind, ast.walk(given))) & _QUEUES):
            yield one.id, queues.pop()


def _kind(value: ast.AST) -> str:
    if isinstance(value, ast.List) and not value.elts:
        return "list"
    return _name(value.func) if isinstance(value, ast.Call) else ""


def _name(of: ast.expr) -> str:
    of = of.value if isinstance(of, ast.Subscript) else of
    return of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""


def _grown(node: ast.AST) -> Iterator[str]:
    """Attributes that something is added to here."""
    where: list[ast.expr] = []
    if isinstance(node, ast.AugAssign):
        where = [node.target]
    elif isinstance(node, ast.Call) and _name(node.func) in _GROWS:
        where = [*node.args[:1], *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
    yield from (one.attr for one in where if isinstance(one, ast.Attribute))
