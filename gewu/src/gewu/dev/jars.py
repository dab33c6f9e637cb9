"""Kafka's jars: fetched once from a Maven repository by jgo into the cache folder, and held to committed hashes.

A list (kafka-4.3.1.sha256) has a line per jar, `HASH  PATH`, the path being its place in any Maven repository. The
class path is made of listed jars alone, so that nothing a repository adds or changes is ever executed.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from gewu.dev.children import CannotStart

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA = "kafka-4.3.1"
KAFKA_TOOLS = "kafka-tools-4.3.1"  # what Kafka's command-line tools need beyond KAFKA: give both
_AT_ONCE = 6
_TRIES = 3


class WrongJar(CannotStart):
    """A jar is not the one on the committed list; the message names it and says what to do."""


@dataclass(frozen=True)
class Jar:
    """One line of a list: where the jar lies in a Maven repository, and the SHA-256 it must have."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]


def cache_folder(environment: Mapping[str, str] = os.environ, start: Path | None = None) -> Path:
    """Where downloads are kept: GEWU_CACHE, else .gewu/cache in the checkout around `start` (the working folder)."""
    if environment.get("GEWU_CACHE"):
        return Path(environment["GEWU_CACHE"]).expanduser().resolve()
    here = (start or Path.cwd()).resolve()
    checkout = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    return checkout / ".gewu" / "cache"


def class_path(cache: Path, lists: Sequence[str] = (KAFKA,), say: Callable[[str], None] = lambda _: None) -> list[Path]:
    """The jars of these lists, fetched where they are missing (half a minute the first time) and all checked.

    Blocks. Raises WrongJar where one differs from its list or an unlisted one lies among them, CannotStart where one
    cannot be had.
    """
    paths: list[Path] = []
    for name in lists:
        folder = cache / "jars" / name
        jars = listed(name)
        with _alone(folder):
            refuse_unlisted(folder, jars, name)
            _fetch_missing(folder, jars, name, say)
            refuse_differing(folder, jars, name)
        paths += [folder / jar.path for jar in jars]
    return paths


def listed(name: str) -> list[Jar]:
    """A committed list's jars, in its order."""
    text = resources.files("gewu.dev").joinpath(f"{name}.sha256").read_text()
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [Jar(path, sha256) for sha256, path in lines]


def refuse_unlisted(folder: Path, jars: Sequence[Jar], name: str) -> None:
    """Raises WrongJar where a jar that the list does not have lies in the folder."""
    known = {folder / jar.path for jar in jars}
    for path in sorted(folder.rglob("*.jar")):
        if path not in known:
            raise WrongJar(f"{path.name} is not on the list {name}.sha256, yet it lies among the jars: delete {path}")


def refuse_differing(folder: Path, jars: Sequence[Jar], name: str) -> None:
    """Raises WrongJar where a listed jar's content is not what the list says. All are read: 45 MB are 0.1 s."""
    for jar in jars:
        found = sha256_of(folder / jar.path)
        if found != jar.sha256:
            raise WrongJar(_differs(jar, found, name, f"delete {folder / jar.path} and start again to fetch it anew"))


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _differs(jar: Jar, found: str, name: str, then: str) -> str:
    return f"{jar.name} is not the jar of {name}.sha256 (sha256 {found[:16]}…, listed {jar.sha256[:16]}…): {then}"


def _fetch_missing(folder: Path, jars: Sequence[Jar], name: str, say: Callable[[str], None]) -> None:
    missing = [jar for jar in jars if not (folder / jar.path).exists()]
    if not missing:
        return
    say(f"fetching {len(missing)} jars of {name}, once; all of Kafka are 45 MB, about half a minute")
    # Fetched beside the folder and moved in when checked: a download cut short never looks like a jar.
    fresh = folder.with_name(f"{name}.fetching")
    shutil.rmtree(fresh, ignore_errors=True)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for count, done in enumerate(as_completed([pool.submit(_fetch, fresh, jar, name) for jar in missing]), 1):
                jar = done.result()
                (folder / jar.path).parent.mkdir(parents=True, exist_ok=True)
                (fresh / jar.path).replace(folder / jar.path)
                if count % 10 == 0 or count == len(missing):
                    say(f"{count} of {len(missing)} jars are here")
        finally:
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(fresh, ignore_errors=True)


def _fetch(fresh: Path, jar: Jar, name: str) -> Jar:
    """Downloads one jar below `fresh` and checks it."""
    group, artifact, version = jar.path.rsplit("/", 3)[:3]
    context = maven(fresh)
    wanted = context.project(group.replace("/", "."), artifact).at_version(version).artifact()
    problem: Exception | None = None
    for _ in range(_TRIES):
        try:
            found = sha256_of(wanted.resolve())
        except (OSError, RuntimeError, AssertionError) as failed:  # jgo's own and requests' (an OSError)
            problem = failed
            (fresh / jar.path).unlink(missing_ok=True)
            continue
        if found != jar.sha256:
            raise WrongJar(_differs(jar, found, name, "the repository it came from is not to be trusted; use another"))
        return jar
    raise CannotStart(
        f"{jar.name} could not be fetched: {problem}. Check the network, or set GEWU_MAVEN to a mirror's address"
    ) from problem


def maven(repository: Path) -> "MavenContext":
    """jgo's view of Maven with every file kept below `repository`: by itself it would write into the home folder."""
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    remote = os.environ.get("GEWU_MAVEN", MAVEN_CENTRAL_URL).rstrip("/")
    return MavenContext(repo_cache=repository, local_repos=[], remote_repos={"central": remote})


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time fetches into a folder; others wait for it and then find the jars there."""
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
