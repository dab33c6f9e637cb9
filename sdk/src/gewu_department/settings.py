"""A department's settings: GEWU_* variables as the services have them, all wrong ones named at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gewu import topics
from gewu.runtime import settings as shared
from gewu.runtime.env import Env, is_loopback


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a department's program needs to know of Gewu.

    reader: name of this reader; each has a position of its own, and processes of one name share the work.
    dispatch_url and key_file: for the list of open cases and for outcomes; without them only the topic is there.
    from_list: where there is no position yet, read the open cases over HTTP first; else the topic from its first record.
    start_over: take what is there as if there were no position.
    drills: whether drills (演练) are handed out, as Drill.
    """

    department: str
    kafka: shared.Kafka
    reader: str = "desk"
    dispatch_url: str = ""
    dispatch_ca_file: Path | None = None
    key_file: Path | None = None
    from_list: bool = True
    start_over: bool = False
    drills: bool = False

    @property
    def group(self) -> str:
        """The consumer group. Its prefix ends in a character that no department's id holds, so that none has another's."""
        return topics.department_group(self.department, self.reader)


def define(env: Env) -> Settings:
    """Ask for every setting; the faults are collected in `env`."""
    found = Settings(
        department=env.text("GEWU_DEPARTMENT", None, "the department's id in the city package"),
        kafka=shared.kafka(env),
        reader=env.text("GEWU_READER", "desk", "name of this reader; processes of one name share the work"),
        dispatch_url=env.text("GEWU_DISPATCH_URL", "", "where dispatch answers, https://host[:port]").rstrip("/"),
        dispatch_ca_file=env.optional_file("GEWU_DISPATCH_CA_FILE", "PEM file of the CA of dispatch's certificate"),
        key_file=env.optional_file("GEWU_KEY_FILE", "file with the API key: scopes read:<department>, act:<department>"),
        from_list=env.choice("GEWU_FIRST", "list", ("list", "log"), "without a position: open cases over HTTP first, or the "
                             "topic from its first record") == "list",
        start_over=env.flag("GEWU_START_OVER", False, "forget the position and start as for the first time"),
        drills=env.flag("GEWU_DRILLS", False, "hand out drills too, each marked as one"),
    )  # fmt: skip
    _check(env, found)
    return found


def _check(env: Env, found: Settings) -> None:
    for name, word in (("GEWU_DEPARTMENT", found.department), ("GEWU_READER", found.reader)):
        if word and not topics.DEPARTMENT_ID.fullmatch(word):
            env.wrong(name, word, f"like {topics.DEPARTMENT_ID.pattern}")
    env.require(
        not found.from_list or bool(found.dispatch_url and found.key_file),
        "GEWU_FIRST=list needs GEWU_DISPATCH_URL and GEWU_KEY_FILE; without HTTP say GEWU_FIRST=log",
    )
    if found.dispatch_url:
        parts = urlsplit(found.dispatch_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.username:
            env.wrong("GEWU_DISPATCH_URL", found.dispatch_url, "https://host[:port]")
        env.require(
            parts.scheme == "https" or is_loopback(parts.hostname or ""),
            "GEWU_DISPATCH_URL must be https outside loopback: a key never travels in plain text",
        )


def read(variables: Mapping[str, str]) -> Settings:
    """The settings, or SettingsFault with a line for each wrong one."""
    env = Env(variables)
    found = define(env)
    env.close()
    return found
