"""The command as a whole: help everywhere, exit codes, and where its settings come from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gewu.cli import environment
from gewu.cli.ending import Refusal
from tests.cli.running import Gewu, env_file

COMMANDS = [
    "audit", "city check", "dev", "keys init", "keys add", "keys list", "keys revoke", "keys rotate-contact", "migrate",
    "notices list", "notices retry", "notices enable", "notices secrets", "parked list", "parked show", "parked replay",
    "plates open", "topics list", "topics apply",
]  # fmt: skip
NOBODY = "127.0.0.1:1"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_and_exit_codes(gewu: Gewu, command: str) -> None:
    ended = gewu(*command.split(), "--help")
    assert ended.code == 0 and ended.err == ""
    assert "examples:" in ended.out and "exit codes: 0" in ended.out and f"gewu {command}" in ended.out


def test_without_arguments_it_prints_help(gewu: Gewu) -> None:
    ended = gewu()
    assert ended.code == 0 and all(command.split()[0] in ended.out for command in COMMANDS)


def test_it_says_its_version(gewu: Gewu) -> None:
    ended = gewu("--version")
    assert (ended.code, ended.err) == (0, "") and ended.out.startswith("gewu 0.")


@pytest.mark.parametrize(
    "words", [["topics"], ["topics", "make"], ["nonsense"], ["audit", "--wait", "-1"], ["audit", "--wait", "soon"]]
)
def test_a_wrong_command_ends_with_code_2_and_says_what_there_is(gewu: Gewu, words: list[str]) -> None:
    ended = gewu(*words)
    assert ended.code == 2 and "usage: gewu" in ended.err and ended.out == ""


def test_help_and_keys_import_no_client_of_any_server() -> None:
    script = (
        "import sys; from gewu.cli import main; main(['--help']); "
        "print([m for m in ('aiokafka', 'asyncpg', 'numpy', 'google.protobuf', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_all_missing_settings_are_named_at_once(gewu: Gewu) -> None:
    ended = gewu("audit")
    assert ended.code == 2
    assert "GEWU_KAFKA_BOOTSTRAP is not set" in ended.err and "GEWU_POSTGRES_DSN is not set" in ended.err
    assert "--env-file" in ended.err


def test_a_server_that_is_away_is_named_with_what_to_do(gewu: Gewu, tmp_path: Path, demo: Path) -> None:
    from gewu.runtime.settings import Kafka, Postgres

    kafka, postgres = Kafka(NOBODY, None, None, None, 1, 1, ""), Postgres(f"postgresql://a:b@{NOBODY}/gewu", None, None)
    file = env_file(tmp_path, kafka, postgres, CITY=demo)
    for words in (["topics", "apply"], ["parked", "list"]):
        ended = gewu("--env-file", file, *words)
        assert ended.code == 2 and "Kafka does not answer" in ended.err and "gewu dev" in ended.err, ended
    ended = gewu("--env-file", file, "migrate")
    assert ended.code == 2 and "PostgreSQL does not answer" in ended.err, ended


def test_settings_of_services_do_not_disturb_and_wrong_ones_do(gewu: Gewu, tmp_path: Path) -> None:
    file = env_file(tmp_path, KAFKA_BOOTSTRAP=NOBODY, KAFKA_MIN_ISR="many", BATCH_RECORDS=500, ACK_DEADLINE="10s")
    ended = gewu("--env-file", file, "parked", "list")
    assert ended.code == 2 and "GEWU_KAFKA_MIN_ISR='many' is wrong" in ended.err and "BATCH_RECORDS" not in ended.err


def test_a_named_file_wins_over_the_environment_and_the_launchers_file_only_fills_in(
    gewu: Gewu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from argparse import Namespace

    named, launchers = env_file(tmp_path, CITY="of-the-file"), tmp_path / ".gewu" / "run"
    launchers.mkdir(parents=True)
    env_file(launchers, KAFKA_BOOTSTRAP="of-the-launcher", CITY="of-the-launcher")
    monkeypatch.setenv("GEWU_CITY", "of-the-environment")

    assert environment.variables(Namespace(env_file=named))["GEWU_CITY"] == "of-the-file"
    assert capsys.readouterr().err == ""

    found = environment.variables(Namespace(env_file=None))
    assert (found["GEWU_KAFKA_BOOTSTRAP"], found["GEWU_CITY"]) == ("of-the-launcher", "of-the-environment")
    assert "settings from .gewu/run/env" in capsys.readouterr().err

    monkeypatch.setenv("GEWU_KAFKA_BOOTSTRAP", "of-the-environment")
    assert environment.variables(Namespace(env_file=None))["GEWU_KAFKA_BOOTSTRAP"] == "of-the-environment"
    assert capsys.readouterr().err == ""


def test_a_file_takes_comments_exports_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("# a\n\nA=1\nexport B='two words'\n C=\"x=y\" \nD=\n")
    assert environment.read_file(path) == {"A": "1", "B": "two words", "C": "x=y", "D": ""}


def test_a_line_that_is_no_setting_is_named_without_being_shown(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("A=1\nhalf-of-a-secret\n")
    with pytest.raises(Refusal, match=r"env:2: is not KEY=VALUE$"):
        environment.read_file(path)


def test_a_file_that_is_not_there_ends_with_code_2(gewu: Gewu) -> None:
    ended = gewu("--env-file", "nowhere", "parked", "list")
    assert ended.code == 2 and "nowhere cannot be read" in ended.err


def test_a_city_that_is_no_folder_or_has_faults_ends_with_code_2(gewu: Gewu, tmp_path: Path) -> None:
    assert gewu("topics", "list", "--city", "nowhere").code == 2
    (tmp_path / "empty").mkdir()
    for words in (["topics", "list"], ["audit"]):
        ended = gewu(*words, "--city", "empty")
        assert ended.code == 2 and "run `gewu city check empty`" in ended.err


def test_topics_list_shows_the_registry(gewu: Gewu, demo: Path) -> None:
    from gewu import topics
    from gewu.lane import Lane

    ended = gewu("topics", "list")
    assert ended.code == 0 and "departments' topics are left out" in ended.err
    assert topics.signals(Lane.P0) in ended.out and topics.dispatch("fire") not in ended.out
    found = {t["name"]: t for t in json.loads(gewu("topics", "list", "--city", demo, "--json").out)}
    lane, fire = found[topics.signals(Lane.P2)], found[topics.dispatch("fire")]
    assert lane["parking"] in found and lane["retention_s"] == 8 * 86400 and lane["hears"] == ["dispatch"]
    assert fire["hears"] == ["department:fire"] and found[lane["parking"]]["retention_s"] is None


def test_migrate_without_any_service_says_what_to_install(gewu: Gewu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gewu.runtime.migrate.schemas", dict)
    ended = gewu("migrate")
    assert ended.code == 2 and "pip install gewu-dispatch" in ended.err


def test_a_ledger_that_cannot_be_read_ends_with_code_2(gewu: Gewu, tmp_path: Path) -> None:
    file = env_file(tmp_path, KAFKA_BOOTSTRAP=NOBODY, POSTGRES_DSN=f"postgresql://a@{NOBODY}/x")
    ended = gewu("--env-file", file, "audit", "--ledger", "nowhere.jsonl")
    assert ended.code == 2 and "nowhere.jsonl" in ended.err
    (tmp_path / "bad.jsonl").write_text("x\ny\n")
    ended = gewu("--env-file", file, "audit", "--ledger", "bad.jsonl")
    assert ended.code == 2 and "bad.jsonl:1: is no line of a ledger" in ended.err
