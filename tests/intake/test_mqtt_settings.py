"""The bridge's settings: none without a URL, plain text on loopback only, and every fault named at once."""

from pathlib import Path

import pytest

from gewu.runtime.env import Env, SettingsFault
from gewu_intake import settings
from gewu_intake.settings import Mqtt


def mqtt(**variables: str) -> Mqtt | None:
    """What intake makes of these; SettingsFault names what is wrong with them alone."""
    env = Env({f"GEWU_MQTT_{name}": value for name, value in variables.items()})
    found = settings._mqtt(env)
    env.close()
    return found


def refused(**variables: str) -> str:
    with pytest.raises(SettingsFault) as fault:
        mqtt(**variables)
    return str(fault.value)


def test_without_a_url_there_is_no_bridge() -> None:
    assert mqtt() is None and mqtt(URL="") is None


def test_on_loopback_plain_text_will_do() -> None:
    found = mqtt(URL="mqtt://127.0.0.1:1883", VERSION="3.1.1", WINDOW="10")
    assert found and (found.host, found.port, found.version, found.window, found.user) == (
        "127.0.0.1",
        1883,
        "3.1.1",
        10,
        None,
    )
    found = mqtt(URL="mqtt://[::1]:1883")
    assert found and found.host == "::1"


def test_elsewhere_it_is_tls_and_a_login(tmp_path: Path) -> None:
    for name in ("ca", "user", "password"):
        (tmp_path / name).write_text(f"{name}\n")
    files = {
        "CA_FILE": str(tmp_path / "ca"),
        "USER_FILE": str(tmp_path / "user"),
        "PASSWORD_FILE": str(tmp_path / "password"),
    }
    found = mqtt(URL="mqtts://broker.city:8883", **files)
    assert found and (found.user, found.password) == ("user", "password") and found.ca_file
    assert "plain text is for this machine only" in refused(URL="mqtt://broker.city:1883", **files)
    assert "go together" in refused(URL="mqtts://broker.city:8883")
    assert "are needed" in refused(URL="mqtts://broker.city:8883", CA_FILE=files["CA_FILE"])
    assert "go together" in refused(URL="mqtt://127.0.0.1:1883", USER_FILE=files["USER_FILE"])


@pytest.mark.parametrize(
    "url", ["127.0.0.1:1883", "http://127.0.0.1:1883", "mqtt://u:p@127.0.0.1:1883", "mqtt://127.0.0.1", "mqtt://h:1/x"]
)
def test_a_url_of_another_form_is_refused(url: str) -> None:
    assert "it must be mqtt://host:port or mqtts://host:port" in refused(URL=url)


def test_a_session_without_a_name_or_an_end_is_refused() -> None:
    assert "must not be empty" in refused(URL="mqtt://127.0.0.1:1883", CLIENT_ID="")
    for session in ("1s", "400d"):
        assert "GEWU_MQTT_SESSION must be from 1min to 365d" in refused(URL="mqtt://127.0.0.1:1883", SESSION=session)
    assert "one of 5.0, 3.1.1" in refused(URL="mqtt://127.0.0.1:1883", VERSION="4")
