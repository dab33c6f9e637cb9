"""Settings from the environment: a wrong one is named with what would be right, and all of them at once."""

from pathlib import Path

import pytest

from gewu.runtime.env import Env, SettingsFault, is_loopback


def _faults(env: Env) -> list[str]:
    with pytest.raises(SettingsFault) as fault:
        env.close()
    return str(fault.value).splitlines()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("500ms", 0.5), ("30s", 30.0), ("1.5s", 1.5), ("5min", 300.0), ("8h", 28800.0), ("7d", 604800.0), ("0s", 0.0)],
)
def test_a_duration_has_a_unit(said: str, seconds: float) -> None:
    env = Env({"GEWU_WAIT": said})
    assert env.duration("GEWU_WAIT", "1s", "how long") == seconds
    env.close()


@pytest.mark.parametrize(
    ("said", "size"), [("1B", 1), ("64KiB", 65536), ("256MiB", 256 * 1024**2), ("1.5GiB", 3 * 2**29)]
)
def test_a_size_has_a_unit(said: str, size: int) -> None:
    env = Env({"GEWU_ROOM": said})
    assert env.size("GEWU_ROOM", "1B", "how much") == size
    env.close()


@pytest.mark.parametrize("said", ["", "30", "s", "-1s", "1 s", "30S", "30sec", "1h30min", "1e3s", "nan", "infs", "1.s"])
def test_a_duration_without_a_known_unit_is_refused(said: str) -> None:
    env = Env({"GEWU_WAIT": said})
    env.duration("GEWU_WAIT", "1s", "how long")
    assert _faults(env) == [f"GEWU_WAIT={said!r} is wrong: it must be a duration such as 500ms, 30s, 5min, 8h or 7d"]


@pytest.mark.parametrize("said", ["", "64", "64K", "64kb", "64kib", "64 KiB", "-1MiB", "1TiB"])
def test_a_size_without_a_known_unit_is_refused(said: str) -> None:
    env = Env({"GEWU_ROOM": said})
    env.size("GEWU_ROOM", "1B", "how much")
    assert _faults(env) == [f"GEWU_ROOM={said!r} is wrong: it must be a size such as 64KiB or 256MiB"]


@pytest.mark.parametrize("said", ["", "0", "21", "-1", "1.0", "3x", "9" * 30, " 3", "0x3"])
def test_a_number_outside_its_range_is_refused(said: str) -> None:
    env = Env({"GEWU_MANY": said})
    env.integer("GEWU_MANY", 3, 1, 20, "how many")
    assert _faults(env) == [f"GEWU_MANY={said!r} is wrong: it must be a whole number from 1 to 20"]


@pytest.mark.parametrize("said", ["", "true", "1", "YES", "on"])
def test_a_flag_is_yes_or_no(said: str) -> None:
    env = Env({"GEWU_ON": said})
    env.flag("GEWU_ON", False, "whether")
    assert _faults(env) == [f"GEWU_ON={said!r} is wrong: it must be yes or no"]
    assert Env({"GEWU_ON": "yes"}).flag("GEWU_ON", False, "") is True
    assert Env({}).flag("GEWU_ON", True, "") is True


def test_files_and_folders_must_be_there(tmp_path: Path) -> None:
    (file := tmp_path / "secret").write_text("x")
    env = Env({"GEWU_A": str(file), "GEWU_B": str(tmp_path), "GEWU_C": str(tmp_path / "no"), "GEWU_D": str(file)})
    assert env.optional_file("GEWU_A", "a file") == file
    assert env.optional_file("GEWU_NONE", "no file") is None
    for name in ("GEWU_B", "GEWU_C"):
        env.optional_file(name, "a file")
    env.folder("GEWU_D", "a folder")
    assert _faults(env) == [
        # What was said is not repeated: it may be a secret, pasted where the name of its file belongs.
        "GEWU_B is wrong: it must be the path of a readable file",
        "GEWU_C is wrong: it must be the path of a readable file",
        f"GEWU_D={str(file)!r} is wrong: it must be the path of a folder that exists",
    ]


def test_everything_wrong_is_named_at_once_and_what_is_missing_says_what_it_is() -> None:
    env = Env({"GEWU_MANY": "many", "GEWU_WAIT": "soon", "PATH": "/bin"})
    env.text("GEWU_NAME", None, "who this is")
    env.folder("GEWU_CITY", "folder of the city package")
    env.integer("GEWU_MANY", 3, 1, 20, "how many")
    env.duration("GEWU_WAIT", "1s", "how long")
    env.require(False, "two settings do not go together")
    assert _faults(env) == [
        "GEWU_NAME is not set: who this is",
        "GEWU_CITY is not set: folder of the city package",
        "GEWU_MANY='many' is wrong: it must be a whole number from 1 to 20",
        "GEWU_WAIT='soon' is wrong: it must be a duration such as 500ms, 30s, 5min, 8h or 7d",
        "two settings do not go together",
    ]


def test_an_unknown_name_is_a_typing_error_and_near_ones_are_named() -> None:
    env = Env({"GEWU_KAFKA_BOOTSTRP": "x", "GEWU_QQ": "y", "OTHER": "z"})
    env.text("GEWU_KAFKA_BOOTSTRAP", "h:1", "")
    env.text("GEWU_HTTP_HOST", "h", "")
    assert _faults(env) == [
        "GEWU_KAFKA_BOOTSTRP is not a setting of this program; near it: GEWU_KAFKA_BOOTSTRAP",
        "GEWU_QQ is not a setting of this program",
    ]


def test_the_command_line_lets_the_services_settings_pass() -> None:
    env = Env({"GEWU_OF_A_SERVICE": "x"})
    env.close(others=True)
    env.wrong("GEWU_MINE", "x", "y")
    with pytest.raises(SettingsFault, match="GEWU_MINE"):
        env.close(others=True)


def test_every_setting_that_was_asked_for_is_known_with_its_default_and_meaning() -> None:
    env = Env({})
    env.text("GEWU_NAME", None, "who this is")
    env.duration("GEWU_WAIT", "5s", "how long")
    assert [(k.name, k.default, k.meaning) for k in env.known.values()] == [
        ("GEWU_NAME", "(required)", "who this is"),
        ("GEWU_WAIT", "5s", "how long"),
    ]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback_is_only_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example.org", "kafka", "127.0.0.1.nip.io", "127.1", "::ffff:10.0.0.1"],
)
def test_nothing_else_is_loopback(host: str) -> None:
    assert not is_loopback(host)
