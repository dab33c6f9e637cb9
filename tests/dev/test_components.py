"""The table of components: what it sets, the services know."""

from collections.abc import Callable
from typing import Any

import pytest

import gewu.canary.settings
import gewu_dispatch.settings
import gewu_intake.settings
import gewu_notify.settings
import gewu_video.settings
from gewu.dev.components import COMMON, COMPONENTS, component, services
from gewu.runtime import secrets_folder
from gewu.runtime.env import Env

PLACES = {
    "kafka": "127.0.0.1:9092", "postgres": "postgresql://gewu:{%}@127.0.0.1/gewu", "city": "/city", "secrets": "/s",
    "host": "127.0.0.1", "port": "8080", "instance": "dev-x", "intake_url": "http://x", "dispatch_url": "http://y", "notify_url": "http://z",
    "mqtt": "mqtt://127.0.0.1:1883", "mqtt_version": "5.0", "mqtt_login": "/s/mqtt",
    "clips": "/c", "pictures": "/p", "models": "", "camera_networks": "127.0.0.0/8", "camera_logins": "", "canary_key": "/s/c",
}  # fmt: skip


DEFINE = {
    "intake": gewu_intake.settings.define,
    "dispatch": gewu_dispatch.settings.define,
    "video": gewu_video.settings.define,
    "notify": gewu_notify.settings.define,
    "canary": gewu.canary.settings.define,
}


@pytest.mark.parametrize(("name", "define"), DEFINE.items())
def test_a_service_is_given_settings_that_it_has(name: str, define: Callable[[Env], Any]) -> None:
    env = Env({})
    define(env)
    given = {**component(name).variables(PLACES), **component(name).at_home}
    assert set(given) <= set(env.known)
    required = {known.name for known in env.known.values() if known.default == "(required)"}
    assert required <= set(given)
    assert "{" not in "".join(value for key, value in given.items() if key != "GEWU_POSTGRES_DSN")


@pytest.mark.parametrize("define", DEFINE.values())
def test_no_service_is_given_the_keys_that_open_contacts(define: Callable[[Env], Any]) -> None:
    env = Env({})
    define(env)
    assert not [name for name in env.known if "PRIVATE" in name]
    assert not [c.name for c in COMPONENTS if secrets_folder.PRIVATE in str(c.environment.values())]
    assert any(secrets_folder.PUBLIC in str(c.environment.values()) for c in COMPONENTS)


def test_a_password_with_braces_survives() -> None:
    assert component("migrate").variables(PLACES) == {"GEWU_POSTGRES_DSN": PLACES["postgres"]}


def test_a_missing_place_is_named() -> None:
    with pytest.raises(KeyError, match="postgres"):
        component("migrate").variables({})


def test_every_component_has_a_name_of_its_own() -> None:
    names = [c.name for c in COMPONENTS]
    assert len(set(names)) == len(names)
    assert [c.name for c in services()] == ["intake", "dispatch", "video", "notify"]


def test_what_is_common_means_the_same_everywhere() -> None:
    for c in COMPONENTS:
        assert all(COMMON[name] == pattern for name, pattern in c.environment.items() if name in COMMON)
