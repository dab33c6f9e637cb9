"""A Dockerfile read as instructions, and what must hold of one."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from docker.utils.build import exclude_paths

_HASHED = re.compile(r"^[a-z0-9][\w.\-\[\]]*==\S+.*\\$")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One of them; stage counts FROM lines from 0."""

    stage: int
    word: str
    rest: str


def read(text: str) -> list[Instruction]:
    """Its instructions, continued lines as one."""
    found: list[Instruction] = []
    lines = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ").splitlines()
    for line in filter(None, map(str.strip, lines)):
        word, _, rest = line.partition(" ")
        before = found[-1].stage if found else -1
        found.append(Instruction(before + (word == "FROM"), word, " ".join(rest.split())))
    return found


def context(root: Path) -> set[str]:
    """Files that an engine would be sent, by Docker's own reading of .dockerignore."""
    patterns = [line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    return {path for path in exclude_paths(str(root), patterns) if (root / path).is_file()}


def faults(text: str, sent: set[str], root: Path) -> list[str]:
    """What is wrong with this Dockerfile, given the files that are sent and the repository they are of."""
    lines = read(text)
    last = max(line.stage for line in lines)
    final = [line for line in lines if line.stage == last]
    said = {line.word: line.rest for line in final}
    found = [f"FROM {x.rest}: no version" for x in lines if x.word == "FROM" and not re.match(r"\S+:\S*\d", x.rest)]
    for line in (x for x in lines if x.word in ("COPY", "ADD") and "--from" not in x.rest):
        sources = line.rest.split()[:-1]
        found += [f"COPY {s}: is not there" for s in sources if not any(p == s or p.startswith(f"{s}/") for p in sent)]
    user = said.get("USER", "0")
    if user in ("0", "root") or not user.isdigit():
        found.append(f"USER {user}: not a number, or root")
    if any(
        line.word in ("RUN", "COPY", "ADD") for line in final[final.index(_last(final, "USER")) :] if user.isdigit()
    ):
        found.append("something is installed as the user that runs it")
    if said.get("STOPSIGNAL") != "SIGTERM":
        found.append("STOPSIGNAL is not SIGTERM")
    if "/opt/gewu/ready.py" not in said.get("HEALTHCHECK", ""):
        found.append("no HEALTHCHECK that asks for readiness")
    return found + _entry(said.get("CMD", "[]")) + _requirements(lines, root) + _secrets(lines)


def _last(lines: list[Instruction], word: str) -> Instruction:
    return next((line for line in reversed(lines) if line.word == word), lines[-1])


def _entry(command: str) -> list[str]:
    words = json.loads(command)
    module = words[-1] if words[:2] == ["python", "-m"] else ""
    there = bool(module) and find_spec(module) is not None and find_spec(f"{module}.__main__") is not None
    return [] if there else [f"CMD {command}: no such module"]


def _requirements(lines: list[Instruction], root: Path) -> list[str]:
    found = []
    for line in (x for x in lines if x.word == "RUN" and "pip install" in x.rest):
        if "-r " not in line.rest:
            found += [] if "--no-deps --no-build-isolation" in line.rest else [f"unpinned: {line.rest}"]
            continue
        name = line.rest.partition("-r ")[2].split()[0]
        pins = [row for row in (root / name).read_text().splitlines() if row[:1].isalnum()]
        if "--require-hashes" not in line.rest or not pins or not all(map(_HASHED.match, pins)):
            found.append(f"{name}: not hashed")
    return found


def _secrets(lines: list[Instruction]) -> list[str]:
    named = [x.rest for x in lines if x.word in ("ENV", "ARG") and re.search(r"PASSWORD|SECRET|TOKEN", x.rest)]
    return [f"a secret in the image: {rest.partition('=')[0]}" for rest in named]


def rehearse(text: str, root: Path, folder: Path) -> Path:
    """Do below a folder what the first stage does, with the files that would be sent; returns its /opt/gewu.

    Not rehearsed: the base image (the tests' own Python stands in) and the second stage, which only copies.
    """
    sent, build, opt = context(root), folder / "build", folder / "opt" / "gewu"
    build.mkdir(parents=True)
    for line in (x for x in read(text) if x.stage == 0):
        if line.word == "COPY":
            *sources, there = line.rest.split()
            for source in sources:
                for path in (p for p in sent if p == source or p.startswith(f"{source}/")):
                    # A folder's content goes into `there`, a file into it under its own name where it ends with a slash.
                    inside = os.path.relpath(path, source) if path != source else Path(path).name
                    target = build / there / inside if path != source or there.endswith("/") else build / there
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(root / path, target)
        elif line.word == "RUN":
            command = line.rest.replace("/opt/gewu", str(opt))
            done = subprocess.run(command, shell=True, cwd=build, capture_output=True, text=True)
            assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return opt
