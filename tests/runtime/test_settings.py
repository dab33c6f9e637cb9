"""Kafka, PostgreSQL and HTTP: what is safe on this machine only is refused for any other."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gewu.runtime import settings
from gewu.runtime.env import Env, SettingsFault
from gewu_dispatch.settings import read as dispatch

REMOTE = {"GEWU_KAFKA_BOOTSTRAP": "kafka-1.example.org:9093,kafka-2.example.org:9093"}
HOME = {"GEWU_KAFKA_BOOTSTRAP": "127.0.0.1:9092,[::1]:9092"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Files for everything that travels in one."""
    from certifi import where

    (tmp_path / "user").write_text("intake\n")
    (tmp_path / "password").write_text("s3cret\n")
    return {"ca": where(), "user": str(tmp_path / "user"), "password": str(tmp_path / "password")}


def _safe(files: dict[str, str]) -> dict[str, str]:
    return {
        **REMOTE, "GEWU_KAFKA_CA_FILE": files["ca"], "GEWU_KAFKA_USER_FILE": files["user"],
        "GEWU_KAFKA_PASSWORD_FILE": files["password"],
    }  # fmt: skip


def _read(read: Any, variables: dict[str, str], *more: Any) -> Any:
    env = Env(variables)
    found = read(env, *more)
    env.close()
    return found


def _refused(read: Any, variables: dict[str, str], *more: Any) -> str:
    with pytest.raises(SettingsFault) as fault:
        _read(read, variables, *more)
    return str(fault.value)


def test_kafka_on_this_machine_needs_nothing_else() -> None:
    found = _read(settings.kafka, HOME)
    assert (found.replication, found.min_isr) == (1, 1)
    assert found.connection() == {"bootstrap_servers": HOME["GEWU_KAFKA_BOOTSTRAP"]}


def test_kafka_elsewhere_with_all_that_is_needed_is_taken_and_its_secrets_come_from_files(
    files: dict[str, str],
) -> None:
    found = _read(settings.kafka, _safe(files))
    assert (found.replication, found.min_isr) == (3, 2)
    said = found.connection()
    assert said.pop("ssl_context").verify_mode is ssl.CERT_REQUIRED
    assert said == {
        "bootstrap_servers": REMOTE["GEWU_KAFKA_BOOTSTRAP"], "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "intake", "sasl_plain_password": "s3cret",
    }  # fmt: skip
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    "bootstrap", ["kafka.example.org:9092", "10.0.0.7:9092", "127.0.0.1:9092,kafka.example.org:9092", "0.0.0.0:9092"]
)
def test_plain_text_kafka_elsewhere_is_refused(bootstrap: str) -> None:
    said = _refused(settings.kafka, {"GEWU_KAFKA_BOOTSTRAP": bootstrap})
    assert "set GEWU_KAFKA_CA_FILE" in said and bootstrap in said


def test_kafka_elsewhere_without_credentials_is_refused(files: dict[str, str]) -> None:
    said = _refused(settings.kafka, {**REMOTE, "GEWU_KAFKA_CA_FILE": files["ca"]})
    assert "GEWU_KAFKA_USER_FILE and GEWU_KAFKA_PASSWORD_FILE are needed" in said


@pytest.mark.parametrize("short", [{"GEWU_KAFKA_REPLICATION": "2"}, {"GEWU_KAFKA_MIN_ISR": "1"}])
def test_an_ack_elsewhere_survives_a_broker(files: dict[str, str], short: dict[str, str]) -> None:
    assert "an ack must survive a broker" in _refused(settings.kafka, {**_safe(files), **short})


@pytest.mark.parametrize("lone", ["GEWU_KAFKA_USER_FILE", "GEWU_KAFKA_PASSWORD_FILE"])
def test_user_and_password_go_together(files: dict[str, str], lone: str) -> None:
    said = {**HOME, "GEWU_KAFKA_CA_FILE": files["ca"], lone: files["user"]}
    assert "go together" in _refused(settings.kafka, said)


def test_a_password_never_travels_in_plain_text(files: dict[str, str]) -> None:
    said = {**_safe(files), **HOME}
    del said["GEWU_KAFKA_CA_FILE"]
    assert "never travels in plain text" in _refused(settings.kafka, said)


@pytest.mark.parametrize("name", ["GEWU_KAFKA_PASSWORD", "GEWU_KAFKA_USER", "GEWU_POSTGRES_PASSWORD"])
def test_a_secret_in_the_environment_itself_is_refused(name: str) -> None:
    said = _refused(lambda env: (settings.kafka(env), settings.postgres(env)), {
        **HOME, "GEWU_POSTGRES_DSN": "postgresql://gewu@127.0.0.1/gewu", name: "s3cret",
    })  # fmt: skip
    assert f"{name} is not a setting" in said and "_FILE" in said and "s3cret" not in said


def test_everything_wrong_about_kafka_is_named_at_once() -> None:
    said = _refused(settings.kafka, {**REMOTE, "GEWU_KAFKA_REPLICATION": "many", "GEWU_KAFKA_MIN_ISR": "1"})
    for words in ("GEWU_KAFKA_REPLICATION='many'", "set GEWU_KAFKA_CA_FILE", "MIN_ISR at least 2", "USER_FILE"):
        assert words in said


@pytest.mark.parametrize(
    "dsn", ["postgresql://gewu:pw@127.0.0.1:5432/gewu", "postgres://gewu@localhost/gewu", "postgresql://gewu@[::1]:5/g"]
)
def test_postgresql_on_this_machine_needs_nothing_else(dsn: str) -> None:
    assert _read(settings.postgres, {"GEWU_POSTGRES_DSN": dsn}).connection() == {"dsn": dsn}


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://gewu@db.example.org/gewu", "postgresql://gewu@10.0.0.7/gewu",
        "postgresql://gewu@127.0.0.1:5432,db.example.org:5432/gewu", "postgresql:///gewu?host=db.example.org",
        "postgresql://gewu@127.0.0.1/gewu?host=db.example.org", "postgresql://gewu@127.0.0.1/gewu?hostaddr=10.0.0.7",
    ],
)  # fmt: skip
def test_plain_text_postgresql_elsewhere_is_refused(dsn: str) -> None:
    assert "set GEWU_POSTGRES_CA_FILE" in _refused(settings.postgres, {"GEWU_POSTGRES_DSN": dsn})


def test_postgresql_elsewhere_takes_its_password_from_a_file_and_checks_the_certificate(files: dict[str, str]) -> None:
    said = {
        "GEWU_POSTGRES_DSN": "postgresql://gewu@db.example.org/gewu", "GEWU_POSTGRES_CA_FILE": files["ca"],
        "GEWU_POSTGRES_PASSWORD_FILE": files["password"],
    }  # fmt: skip
    found = _read(settings.postgres, said)
    assert "s3cret" not in repr(found)
    words = found.connection()
    assert words["password"] == "s3cret" and words["ssl"].check_hostname


def test_a_password_in_the_dsn_elsewhere_is_refused(files: dict[str, str]) -> None:
    dsn = "postgresql://gewu:s3cret@db.example.org/gewu"
    said = _refused(settings.postgres, {"GEWU_POSTGRES_DSN": dsn, "GEWU_POSTGRES_CA_FILE": files["ca"]})
    assert "the password belongs into GEWU_POSTGRES_PASSWORD_FILE" in said and "s3cret" not in said


@pytest.mark.parametrize("dsn", ["gewu@127.0.0.1/gewu", "mysql://gewu@127.0.0.1/gewu", "host=127.0.0.1 dbname=gewu"])
def test_what_is_no_dsn_is_refused_with_the_form_of_one(dsn: str) -> None:
    said = _refused(settings.postgres, {"GEWU_POSTGRES_DSN": dsn})
    assert "must look like postgresql://user@host:port/database" in said


def test_http_on_this_machine_needs_nothing_else() -> None:
    found = _read(settings.http, {}, 8080)
    assert (found.host, found.port, found.cert_file) == ("127.0.0.1", 8080, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "intake.example.org"])
def test_plain_http_elsewhere_is_refused_but_behind_a_proxy_that_ends_tls(host: str, files: dict[str, str]) -> None:
    assert "set GEWU_HTTP_CERT_FILE" in _refused(settings.http, {"GEWU_HTTP_HOST": host}, 8080)
    assert _read(settings.http, {"GEWU_HTTP_HOST": host, "GEWU_HTTP_BEHIND_PROXY": "yes"}, 8080).host == host
    both = {"GEWU_HTTP_CERT_FILE": files["ca"], "GEWU_HTTP_KEY_FILE": files["user"]}
    assert _read(settings.http, {"GEWU_HTTP_HOST": host, **both}, 8080).cert_file == Path(files["ca"])


@pytest.mark.parametrize("lone", ["GEWU_HTTP_CERT_FILE", "GEWU_HTTP_KEY_FILE"])
def test_certificate_and_key_go_together(files: dict[str, str], lone: str) -> None:
    assert "go together" in _refused(settings.http, {lone: files["ca"]}, 8080)


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_is_a_port(port: str) -> None:
    said = _refused(settings.http, {"GEWU_HTTP_PORT": port}, 8080)
    assert f"GEWU_HTTP_PORT={port!r} is wrong: it must be a whole number from 0 to 65535" in said


@pytest.mark.parametrize("size", [None, 0, 31])
def test_a_link_secret_that_could_be_guessed_is_refused(tmp_path: Path, size: int | None) -> None:
    variables = {}
    if size is not None:
        (tmp_path / "link").write_bytes(b"x" * size)
        variables["GEWU_LINK_SECRET_FILE"] = str(tmp_path / "link")
    assert "`gewu keys init` makes it" in _refused(settings.link_secret, variables)


def test_a_link_secret_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "link").write_bytes(bytes(range(48)))
    assert _read(settings.link_secret, {"GEWU_LINK_SECRET_FILE": str(tmp_path / "link")}) == bytes(range(48))


@pytest.mark.parametrize(
    "said",
    [
        dict(GEWU_KAFKA_BOOTSTRAP=""),
        dict(GEWU_KAFKA_BOOTSTRAP="127.0.0.1:9092", GEWU_KAFKA_MIN_ISR="2"),
    ],
    ids=["nothing", "min_isr over replication"],
)
def test_kafka_settings_that_cannot_work_are_refused(said: dict[str, str]) -> None:
    assert "GEWU_KAFKA" in _refused(settings.kafka, said)


@pytest.mark.parametrize(
    "said",
    [
        dict(GEWU_POSTGRES_DSN=""),
        dict(GEWU_POSTGRES_DSN="postgresql://gewu@/gewu"),
        dict(GEWU_POSTGRES_DSN="postgresql:///gewu?service=other"),
        dict(GEWU_POSTGRES_DSN="postgresql://gewu@[::1/gewu"),
        dict(
            GEWU_POSTGRES_DSN="postgresql://gewu@db.example.org/gewu?password=x",
        ),
    ],
    ids=["nothing", "no host", "a service", "no address", "password in the query"],
)
def test_dsns_whose_server_or_secret_hides_are_refused(said: dict[str, str], files: dict[str, str]) -> None:
    with_ca = {"GEWU_POSTGRES_CA_FILE": files["ca"]} if "password" in said["GEWU_POSTGRES_DSN"] else {}
    assert "GEWU_POSTGRES" in _refused(settings.postgres, {**said, **with_ca})


@pytest.fixture
def placed(files: dict[str, str], tmp_path: Path, demo: Path) -> Callable[[bool, bool], dict[str, str]]:
    """All settings of a dispatch whose Kafka and PostgreSQL are at home, or elsewhere and safe."""
    (tmp_path / "link").write_bytes(bytes(48))
    always = {
        "GEWU_CITY": str(demo), "GEWU_KEYS_FILE": str(tmp_path / "keys"), "GEWU_LINK_SECRET_FILE": str(tmp_path / "link"),
        "PATH": "not looked at",
    }  # fmt: skip

    def variables(kafka_at_home: bool, postgres_at_home: bool) -> dict[str, str]:
        host = "127.0.0.1" if postgres_at_home else "db.example.org"
        database = {"GEWU_POSTGRES_DSN": f"postgresql://gewu@{host}/gewu", "GEWU_POSTGRES_CA_FILE": files["ca"]}
        return always | database | (HOME if kafka_at_home else _safe(files))

    return variables


@pytest.mark.parametrize("at_home", [(True, False), (False, True), (False, False)])
def test_an_armed_failpoint_is_refused_where_it_could_stop_a_citys_service(
    placed: Callable[[bool, bool], dict[str, str]], at_home: tuple[bool, bool]
) -> None:
    variables = placed(*at_home)
    assert dispatch(variables).kafka.is_home == at_home[0], "without it they are in order"
    for armed in ("delivery.before_commit=reached", "1"):
        with pytest.raises(SettingsFault) as fault:
            dispatch({**variables, "FAILPOINTS": armed})
        (line,) = str(fault.value).splitlines()
        assert line.startswith("FAILPOINTS is set") and "GEWU_KAFKA_BOOTSTRAP and GEWU_POSTGRES_DSN on loopback" in line


async def test_a_failpoint_is_armed_on_this_machine(
    placed: Callable[[bool, bool], dict[str, str]], tmp_path: Path
) -> None:
    found = dispatch({**placed(True, True), "FAILPOINTS": f"there={tmp_path / 'there'},besides={tmp_path / 'besides'}"})
    await found.failpoints.reach("elsewhere")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await found.failpoints.reach("there")
    assert (tmp_path / "there").read_text() == "reached" and not (tmp_path / "besides").exists()


def test_a_dsn_that_is_none_is_named_beside_an_armed_failpoint(
    placed: Callable[[bool, bool], dict[str, str]],
) -> None:
    with pytest.raises(SettingsFault, match="GEWU_POSTGRES_DSN must look like"):
        dispatch({**placed(True, True), "GEWU_POSTGRES_DSN": "postgresql://gewu@[::1/gewu", "FAILPOINTS": "a=b"})
