"""`gewu keys`: made once, shown once, never overwritten."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import gewu_dispatch.settings
import gewu_intake.settings
from gewu.cli import environment, main
from gewu.dev import components
from gewu.runtime import contact, keys
from gewu.runtime.env import SettingsFault
from tests.cli.running import Gewu, env_file

READ = {"intake": gewu_intake.settings.read, "dispatch": gewu_dispatch.settings.read}


@pytest.fixture
def folder(gewu: Gewu, tmp_path: Path) -> Path:
    """A folder that `gewu keys init` made."""
    made = tmp_path / "secrets"
    ended = gewu("keys", "init", "--folder", made)
    assert ended.code == 0 and ended.err.count("made ") == 4
    return made


def test_init_makes_secrets_that_only_their_owner_reads(folder: Path) -> None:
    files = {path.name: path for path in folder.iterdir()}
    assert sorted(files) == ["contact-private.json", "contact-public.json", "keys.json", "link.secret"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(files["link.secret"].read_bytes()) >= 32 and keys.read(files["keys.json"]) == []
    sealed = contact.Sealer.read(files["contact-public.json"]).seal(b"who")
    assert contact.Opener.read(files["contact-private.json"]).open(sealed) == b"who"


@pytest.fixture
def further(tmp_path: Path) -> dict[str, dict[str, str]]:
    """What each service needs besides its secrets."""
    both = {"GEWU_KAFKA_BOOTSTRAP": "127.0.0.1:9092", "GEWU_CITY": str(tmp_path)}
    return {
        "intake": {**both, "GEWU_STATUS_URL": "https://city.example"},
        "dispatch": {**both, "GEWU_POSTGRES_DSN": "postgresql://gewu@127.0.0.1:5432/gewu"},
    }


def blocks(out: str, folder: Path) -> dict[str, dict[str, str]]:
    """What `gewu keys init` printed, by the service in the heading, each read as a file of settings."""
    found = {}
    for block in out.strip().split("\n\n"):
        (file := folder / "block").write_text(block)
        found[block.splitlines()[0].removeprefix("# ")] = environment.read_file(file)
    return found


@pytest.mark.parametrize("name", ["secrets", "our secrets"])
def test_init_prints_for_each_service_what_it_takes_as_it_is(
    gewu: Gewu, further: dict[str, dict[str, str]], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    said = blocks(gewu("keys", "init", "--folder", folder).out, tmp_path)
    assert list(said) == [service.name for service in components.services()]
    read = {service: READ[service]({**further[service], **said[service]}) for service in READ}
    for settings in read.values():
        assert settings.keys_file == folder / "keys.json" and settings.keys_file.is_file()
        assert settings.link_secret == (folder / "link.secret").read_bytes()[:64]
    assert read["intake"].contact_public_file == folder / "contact-public.json"


def test_a_service_refuses_the_others_block_and_none_at_all(
    gewu: Gewu, folder: Path, further: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    said = blocks(gewu("keys", "init", "--folder", folder).out, tmp_path)
    with pytest.raises(SettingsFault, match="GEWU_CONTACT_PUBLIC_FILE is not a setting of this program"):
        READ["dispatch"]({**further["dispatch"], **said["intake"]})
    for service, read in READ.items():
        with pytest.raises(SettingsFault) as fault:
            read(further[service])
        assert all(name in str(fault.value) for name in ("GEWU_KEYS_FILE", "GEWU_LINK_SECRET_FILE"))


def test_init_overwrites_nothing_and_makes_what_is_missing(gewu: Gewu, folder: Path) -> None:
    (folder / "link.secret").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ended = gewu("keys", "init", "--folder", folder)
    assert ended.code == 0 and (ended.err.count("made "), ended.err.count("kept ")) == (1, 3)
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_init_refuses_a_contact_pair_whose_private_half_is_lost(gewu: Gewu, folder: Path) -> None:
    (folder / "contact-private.json").unlink()
    ended = gewu("keys", "init", "--folder", folder)
    assert ended.code == 1 and "contact-private.json is not" in ended.err
    assert not (folder / "contact-private.json").exists()


def test_a_private_file_that_is_broken_is_named_and_left_alone(gewu: Gewu, folder: Path) -> None:
    (private := folder / "contact-private.json").write_text('{"a": "no hex"}')
    before = (folder / "contact-public.json").read_bytes()
    (folder / "contact-public.json").unlink()
    ended = gewu("keys", "init", "--folder", folder)
    assert ended.code == 1 and "contact-private.json is no JSON object of key ids" in ended.err
    assert private.read_text() == '{"a": "no hex"}'
    private.write_text("[")
    (folder / "contact-public.json").write_bytes(before)
    ended = gewu("keys", "rotate-contact", "--folder", folder)
    assert ended.code == 1 and "contact-private.json is no JSON object of key ids" in ended.err
    assert (private.read_text(), (folder / "contact-public.json").read_bytes()) == ("[", before)


def test_a_key_is_shown_once_and_kept_as_its_digest(gewu: Gewu, folder: Path) -> None:
    file = folder / "keys.json"
    ended = gewu(
        "keys", "add", "desk", "--scope", "read:fire", "--scope", "act:fire", "--label", "消防", "--file", file
    )
    secret = ended.out.strip()
    assert ended.code == 0 and "within 5 s" in ended.err and secret not in ended.err
    held = keys.KeyRing(file).holder(secret)
    assert held and (held.id, held.scopes, held.label) == ("desk", ("read:fire", "act:fire"), "消防")
    assert secret not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600
    listed = gewu("keys", "list", "--file", file, "--json").out
    assert json.loads(listed)[0]["label"] == "消防" and held.sha256 not in listed


def test_a_secret_is_kept_in_a_file_and_the_same_command_again_changes_nothing(gewu: Gewu, folder: Path) -> None:
    file, secret = folder / "keys.json", folder / "canary.key"
    words = ("keys", "add", "canary", "--scope", "report", "--file", file, "--to", secret)
    ended = gewu(*words)
    assert (ended.code, ended.out) == (0, "") and str(secret) in ended.err
    held = keys.KeyRing(file).holder(secret.read_text())
    assert held and held.id == "canary" and stat.S_IMODE(secret.stat().st_mode) == 0o600
    before = file.read_bytes(), secret.read_bytes()
    again = gewu(*words)
    assert again.code == 0 and "already" in again.err and before == (file.read_bytes(), secret.read_bytes())
    assert gewu(*words[:4], "read:*", *words[5:]).code == 1, "other scopes are another key"
    file.write_text("[]")  # a run that was cut short after the secret was kept
    assert gewu(*words).code == 0 and keys.KeyRing(file).holder(secret.read_text())
    gewu("keys", "revoke", "canary", "--file", file)
    assert gewu(*words).code == 1 and keys.KeyRing(file).holder(secret.read_text()) is None
    lost = gewu("keys", "add", "x", "--scope", "report", "--file", file, "--to", folder / "no" / "key")
    assert lost.code == 2 and "there is no folder" in lost.err


def test_a_revoked_key_holds_no_more_and_its_id_stays_taken(gewu: Gewu, folder: Path, tmp_path: Path) -> None:
    named = Gewu(gewu.capsys, ("--env-file", str(env_file(tmp_path, KEYS_FILE=folder / "keys.json"))))
    secret = named("keys", "add", "app", "--scope", "report").out.strip()
    assert named("keys", "revoke", "app").code == 0
    assert keys.KeyRing(folder / "keys.json").holder(secret) is None
    again = named("keys", "add", "app", "--scope", "report")
    assert again.code == 1 and again.out == "" and "already" in again.err
    assert named("keys", "revoke", "app").code == 1 and named("keys", "revoke", "nobody").code == 1
    assert "app  report" in (shown := named("keys", "list").out) and "in force" not in shown


@pytest.mark.parametrize("scope", ["", "write", "report:x", "act", "act:", "read:a b", "act:消防"])
def test_a_wrong_scope_is_refused_with_what_is_right(gewu: Gewu, folder: Path, scope: str) -> None:
    ended = gewu("keys", "add", "app", "--scope", "report", "--scope", scope, "--file", folder / "keys.json")
    assert ended.code == 2 and f"scope {scope!r} is wrong. Right are: report" in ended.err
    assert keys.read(folder / "keys.json") == []


@pytest.mark.parametrize("id_", ["anonymous", "Upper", "a_b", "x" * 41])
def test_a_wrong_id_is_refused(gewu: Gewu, folder: Path, id_: str) -> None:
    ended = gewu("keys", "add", id_, "--scope", "report", "--file", folder / "keys.json")
    assert ended.code == 2 and "lower-case letters" in ended.err


def test_a_broken_file_is_named_and_left_alone(gewu: Gewu, folder: Path) -> None:
    (folder / "keys.json").write_text("[{}]")
    ended = gewu("keys", "add", "app", "--scope", "report", "--file", folder / "keys.json")
    assert ended.code == 1 and "keys.json: entry 1 has a wrong or missing field" in ended.err
    assert (folder / "keys.json").read_text() == "[{}]"


def test_no_file_and_no_folder_end_with_code_2(gewu: Gewu, tmp_path: Path) -> None:
    assert "GEWU_KEYS_FILE" in gewu("keys", "list").err
    ended = gewu("keys", "add", "app", "--scope", "report", "--file", tmp_path / "no" / "keys.json")
    assert ended.code == 2 and "gewu keys init" in ended.err


def test_keys_that_are_added_at_once_are_all_there(gewu: Gewu, folder: Path) -> None:
    def one(number: int) -> int:
        return main(["keys", "add", f"k{number}", "--scope", "report", "--file", str(folder / "keys.json")])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(24))) == {0}
    assert len(keys.read(folder / "keys.json")) == 24


def test_a_rotated_contact_key_opens_what_the_old_one_sealed(gewu: Gewu, folder: Path) -> None:
    private, public = folder / "contact-private.json", folder / "contact-public.json"
    old = contact.Sealer.read(public)
    sealed = old.seal(b"before")
    ended = gewu("keys", "rotate-contact", "--folder", folder)
    assert ended.code == 0 and "once intake is restarted" in ended.err
    new = contact.Sealer.read(public)
    assert new.key_id != old.key_id and new.key_id in ended.err
    opener = contact.Opener.read(private)
    assert (opener.open(sealed), opener.open(new.seal(b"after"))) == (b"before", b"after")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (private, public)} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == [
        "contact-private.json", "contact-public.json", "keys.json", "link.secret",
    ]  # fmt: skip


def test_there_is_nothing_to_rotate_in_an_empty_folder(gewu: Gewu, tmp_path: Path) -> None:
    ended = gewu("keys", "rotate-contact", "--folder", tmp_path)
    assert ended.code == 2 and "gewu keys init" in ended.err
