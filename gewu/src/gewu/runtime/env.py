"""Settings from the environment: each with its unit; all wrong ones are named at once, with what would be right."""

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PREFIX = "GEWU_"
_SECONDS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


class SettingsFault(Exception):
    """One or more settings are wrong; the text has a line for each."""


@dataclass(frozen=True, slots=True)
class Known:
    """A setting that was asked for: what `--help` and the READMEs list."""

    name: str
    default: str
    meaning: str


class Env:
    """Reads GEWU_* variables, remembers what was asked for and collects what is wrong until `close`."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._vars = {k: v for k, v in variables.items() if k.startswith(PREFIX)}
        self.known: dict[str, Known] = {}
        self._faults: list[str] = []

    def text(self, name: str, default: str | None, meaning: str) -> str:
        """A text; without a default it must be set."""
        return self._raw(name, default, meaning) or ""

    def optional_file(self, name: str, meaning: str) -> Path | None:
        """A readable file or nothing; secrets travel only this way, because arguments and environments leak."""
        raw = self._raw(name, "", meaning)
        if not raw:
            return None
        path = Path(raw)
        if not (path.is_file() and os.access(path, os.R_OK)):
            # The value is not repeated: a secret is easily pasted where the name of its file belongs.
            self._faults.append(f"{name} is wrong: it must be the path of a readable file")
        return path

    def folder(self, name: str, meaning: str) -> Path:
        """A folder that exists."""
        path = Path(raw := self._raw(name, None, meaning) or "")
        if raw and not path.is_dir():
            self.wrong(name, raw, "the path of a folder that exists")
        return path

    def flag(self, name: str, default: bool, meaning: str) -> bool:
        """yes or no."""
        raw = self._raw(name, "yes" if default else "no", meaning)
        if raw not in ("yes", "no"):
            self.wrong(name, raw, "yes or no")
        return raw == "yes"

    def choice(self, name: str, default: str, words: Sequence[str], meaning: str) -> str:
        """One of these words."""
        raw = self._raw(name, default, meaning) or ""
        if raw not in words:
            self.wrong(name, raw, f"one of {', '.join(words)}")
        return raw

    def integer(self, name: str, default: int, low: int, high: int, meaning: str) -> int:
        """A whole number in [low, high]."""
        raw = self._raw(name, str(default), meaning) or ""
        if not re.fullmatch(r"-?\d{1,18}", raw) or not low <= int(raw) <= high:
            self.wrong(name, raw, f"a whole number from {low} to {high}")
            return default
        return int(raw)

    def duration(self, name: str, default: str, meaning: str) -> float:
        """Seconds from a text such as 500ms, 30s, 5min, 8h or 7d."""
        return self._measure(name, default, meaning, _SECONDS, "a duration such as 500ms, 30s, 5min, 8h or 7d")

    def size(self, name: str, default: str, meaning: str) -> int:
        """Bytes from a text such as 64KiB or 256MiB."""
        return int(self._measure(name, default, meaning, _BYTES, "a size such as 64KiB or 256MiB"))

    def wrong(self, name: str, said: str | None, right: str) -> None:
        """Note a fault."""
        self._faults.append(f"{name}={said!r} is wrong: it must be {right}")

    def require(self, holds: bool, fault: str) -> None:
        """Note a fault that lies between several settings."""
        if not holds:
            self._faults.append(fault)

    def close(self, *, others: bool = False) -> None:
        """Raise SettingsFault if anything is wrong; an unknown GEWU_ variable is a typing error and is named too.

        `others` lets unknown ones pass: the command line shares its environment with services that have more of them.
        """
        for name in () if others else sorted(self._vars.keys() - self.known.keys()):
            near = [k for k in self.known if k[:12] == name[:12]]
            self._faults.append(
                f"{name} is not a setting of this program" + (f"; near it: {', '.join(near)}" if near else "")
            )
        if self._faults:
            raise SettingsFault("\n".join(self._faults))

    def _raw(self, name: str, default: str | None, meaning: str) -> str | None:
        self.known[name] = Known(name, "(required)" if default is None else default, meaning)
        raw = self._vars.get(name, default)
        if raw == "" and default is None:
            raw = None  # compose writes NAME= for what it was not given
        if raw is None:
            self._faults.append(f"{name} is not set: {meaning}")
        return raw

    def _measure(self, name: str, default: str, meaning: str, units: Mapping[str, float], right: str) -> float:
        raw = self._raw(name, default, meaning) or ""
        found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)([A-Za-z]+)", raw)
        if not found or found[2] not in units:
            self.wrong(name, raw, right)
            return 0.0
        return float(found[1]) * units[found[2]]


def is_loopback(host: str) -> bool:
    """Whether this host can only be this machine; a name other than localhost is not trusted to be."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
