"""The words of `gewu load`: what may be said, and what it names."""

import argparse
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gewu.cli import environment
from gewu.cli.ending import Refusal
from gewu.lane import Lane

if TYPE_CHECKING:
    from gewu.load.bodies import Bodies
    from gewu.load.schedule import Step

_SECONDS = 30.0
_OVER = 60.0


def rate(said: str) -> tuple[float, ...]:
    """500, or 100..2000 for a ramp."""
    found = tuple(positive(part) for part in said.split(".."))
    if len(found) > 2:
        raise argparse.ArgumentTypeError(f"{said!r} is neither a rate such as 500 nor a ramp such as 100..2000")
    return found


def positive(said: str) -> float:
    """A number above 0."""
    found = _number(said)
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"{said!r} is no number above 0")
    return found


def count(said: str) -> int:
    """A whole number from 1 on."""
    if not re.fullmatch(r"[0-9]{1,7}", said) or not int(said):
        raise argparse.ArgumentTypeError(f"{said!r} is no whole number from 1 to 9999999")
    return int(said)


def days(said: str) -> int:
    """So many days back, a century at most."""
    found = count(said)
    if found > 36_500:
        raise argparse.ArgumentTypeError(f"{said} days are more than a century")
    return found


def share(said: str) -> float:
    """From 0 to 1."""
    found = _number(said)
    if not 0 <= found <= 1:
        raise argparse.ArgumentTypeError(f"{said!r} is no share from 0 to 1")
    return found


def lanes(said: str) -> dict[str, float]:
    """p0=1,p2=9: shares of lanes, which need not add up to 1."""
    found = {}
    for part in said.split(","):
        name, _, value = part.partition("=")
        if name not in {lane.label for lane in Lane} or name in found:
            raise argparse.ArgumentTypeError(f"{part!r} is no share of a lane, such as p1=0.2; each lane once")
        found[name] = positive(value)
    return found


def url(said: str) -> str:
    """An address of intake, without the path of a door."""
    parts = urlsplit(said)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise argparse.ArgumentTypeError(f"{said!r} is no address such as http://localhost:8080")
    return said


def steps(args: argparse.Namespace) -> "list[Step]":
    """The run's rates; Refusal where the words contradict each other."""
    from gewu.load import schedule

    if len(args.rate) == 1:
        if args.over:
            raise Refusal("--over is the length of a ramp: say --rate LOW..HIGH, or --seconds for one rate")
        return schedule.constant(args.rate[0], args.seconds or _SECONDS)
    over = args.over or args.seconds or _OVER
    if args.seconds and args.seconds < over:
        raise Refusal(f"--seconds {args.seconds:g} ends before the ramp of --over {over:g} does")
    return schedule.ramp(*args.rate, over, args.seconds or over, args.steps)


def intake(args: argparse.Namespace, said: Mapping[str, str]) -> str:
    """Where intake is."""
    found = args.url or said.get("INTAKE_URL")
    if not found:
        raise Refusal("where is intake? say --url http://HOST:PORT; `gewu dev` writes INTAKE_URL into .gewu/run/env")
    return str(found)


def bodies(args: argparse.Namespace, said: Mapping[str, str]) -> "Bodies":
    """What is reported, in the city that intake serves."""
    from gewu.city import CityFaults, load
    from gewu.dev.things import LANES
    from gewu.load.bodies import Bodies, NoSuchLane

    folder = environment.city_folder(args, said)
    if folder is None:
        raise Refusal("name the city package that intake serves with --city (or GEWU_CITY)")
    try:
        return Bodies(load(folder), args.lanes or LANES, args.seed)
    except CityFaults as refused:
        raise Refusal(
            f"the city package {folder} has {len(refused.faults)} faults: run `gewu city check {folder}`"
        ) from None
    except NoSuchLane as fault:
        raise Refusal(f"{fault} (--lanes)") from None


@contextmanager
def key_of(args: argparse.Namespace, said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Id and secret of the key that brings the reports: the one that was named, or one of this run's own."""
    from gewu.load import key

    if bool(args.key_file) != bool(args.key_id):
        raise Refusal("--key-file (the secret) and --key-id (which key it is, the ledger's source) go together")
    if args.key_file:
        yield args.key_id, args.key_file.read_text().strip()
        return
    file = said.get("GEWU_KEYS_FILE")
    if not file:
        raise Refusal("no key: say --key-file and --key-id, or set GEWU_KEYS_FILE, in which one is made for this run")
    with key.fresh(Path(file)) as made:
        yield made


def ledger(args: argparse.Namespace) -> Path:
    """The ledger's file; unless named, beside the file of settings, so that no working folder fills up with them."""
    if args.ledger:
        return Path(args.ledger)
    folder = (args.env_file or environment.DEFAULT_FILE).parent
    name = f"ledger-load-{datetime.now():%Y%m%d-%H%M%S}.jsonl"
    return folder / name if folder.is_dir() else Path(name)


def _number(said: str) -> float:
    try:
        return float(said)
    except ValueError:
        return -1.0
