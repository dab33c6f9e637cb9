"""Where a command's settings come from: the services' own GEWU_* variables, and a file of them."""

import argparse
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gewu.cli.ending import Refusal

if TYPE_CHECKING:
    from gewu.city import City
    from gewu.runtime.settings import Kafka, Postgres

DEFAULT_FILE = Path(".gewu/run/env")  # written by `gewu dev`
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def variables(args: argparse.Namespace) -> dict[str, str]:
    """The environment, with the file that --env-file names on top of it.

    Without --env-file and without GEWU_KAFKA_BOOTSTRAP the dev launcher's file fills in what is not set, and stderr
    says so: a person must see which system a command talks to.
    """
    found = dict(os.environ)
    named: Path | None = getattr(args, "env_file", None)
    if named:
        return found | read_file(named)
    if "GEWU_KAFKA_BOOTSTRAP" not in found and DEFAULT_FILE.is_file():
        print(f"gewu: settings from {DEFAULT_FILE} (GEWU_KAFKA_BOOTSTRAP is not set)", file=sys.stderr)
        return read_file(DEFAULT_FILE) | found
    return found


def read_file(path: Path) -> dict[str, str]:
    """KEY=VALUE lines; empty ones and those that begin with # are passed over. Refusal names a line that is neither."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise Refusal(f"--env-file {path} cannot be read: {fault}") from None
    found = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            # Never the line itself: it may be half of a secret.
            raise Refusal(f"{path}:{number}: is not KEY=VALUE")
        found[match[1]] = _unquoted(match[2])
    return found


def kafka(said: Mapping[str, str]) -> "Kafka":
    """Kafka's settings; SettingsFault names each wrong one."""
    return _read(said, "kafka")[0]


def postgres(said: Mapping[str, str]) -> "Postgres":
    """PostgreSQL's settings; SettingsFault names each wrong one."""
    return _read(said, "postgres")[0]


def both(said: Mapping[str, str]) -> "tuple[Kafka, Postgres]":
    """Both, so that the faults of both are named at once."""
    found = _read(said, "kafka", "postgres")
    return found[0], found[1]


def _read(said: Mapping[str, str], *servers: str) -> list[Any]:
    from gewu.runtime import settings
    from gewu.runtime.env import Env

    define = {"kafka": settings.kafka, "postgres": settings.postgres}
    env = Env(said)
    found = [define[server](env) for server in servers]
    env.close(others=True)
    return found


def city_folder(args: argparse.Namespace, said: Mapping[str, str]) -> Path | None:
    """The city package that --city or GEWU_CITY names; Refusal when it is no folder, None when neither is given."""
    named = args.city or said.get("GEWU_CITY")
    if not named:
        return None
    if not Path(named).is_dir():
        raise Refusal(
            f"{named} is no folder: --city (or GEWU_CITY) names a city package, the folder that holds city.toml"
        )
    return Path(named)


def departments(folder: Path) -> list[str]:
    """The departments of a city package, sorted; Refusal when the package has faults."""
    return sorted(city(folder).departments)


def city(folder: Path) -> "City":
    """A city package; Refusal when it has faults."""
    from gewu.city import CityFaults, load

    try:
        return load(folder)
    except CityFaults as refused:
        raise Refusal(
            f"the city package {folder} has {len(refused.faults)} faults: run `gewu city check {folder}`"
        ) from None


def dispatch(part: str) -> Any:
    """A part of the cases' own service, of which nothing is known here but its name; Refusal where it is not installed."""
    return _part("dispatch", part)


def notify(part: str) -> Any:
    """The same of the service that tells."""
    return _part("notify", part)


def _part(schema: str, part: str) -> Any:
    from importlib import import_module

    from gewu.runtime import migrate

    package = migrate.schemas().get(schema)
    if package is None:
        raise Refusal(f"{schema} is not installed beside this command: pip install gewu-{schema}")
    return import_module(f"{package}.{part}")


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
