"""Status links: who holds one may read that one report; nobody makes one without the secret."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu import ids
from gewu.runtime.link import Links

SECRET = bytes(range(48))
SIGNAL = ids.signal_id("key:patrol", "one")


def test_a_token_holds_for_its_signal() -> None:
    said = Links(SECRET).token(SIGNAL)
    assert re.fullmatch(r"[0-9a-f]{32}", said), "128 bits that need no quoting in a URL"
    assert Links(SECRET).holds(SIGNAL, said) and Links(SECRET).token(SIGNAL) == said


def test_a_token_of_another_signal_or_secret_does_not_hold() -> None:
    said = Links(SECRET).token(SIGNAL)
    assert not Links(SECRET).holds(ids.signal_id("key:patrol", "two"), said)
    assert not Links(SECRET).holds(SIGNAL.upper(), said)
    assert not Links(SECRET[::-1]).holds(SIGNAL, said)
    assert not Links(SECRET[:47]).holds(SIGNAL, said)


@pytest.mark.parametrize("forged", ["", "=", "x" * 32, "令牌", "\udc80", "\x00" * 32])
def test_a_forged_token_does_not_hold(forged: str) -> None:
    assert not Links(SECRET).holds(SIGNAL, forged)


@settings(deadline=None)
@given(st.integers(0, 31), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
def test_a_token_with_any_character_changed_or_left_out_does_not_hold(at: int, letter: str) -> None:
    said = Links(SECRET).token(SIGNAL)
    assert Links(SECRET).holds(SIGNAL, said[:at] + letter + said[at + 1 :]) == (said[at] == letter)
    assert not Links(SECRET).holds(SIGNAL, said[:at] + said[at + 1 :])
    assert not Links(SECRET).holds(SIGNAL, said[:at] + letter + said[at:])


def test_a_link_from_before_tokens_were_hex_still_holds() -> None:
    older = "y7dU0LjN7tj7wbwjt5b_vw"
    assert Links(SECRET).holds(SIGNAL, older)
    assert not Links(SECRET).holds(SIGNAL, older[:-1]) and not Links(SECRET[::-1]).holds(SIGNAL, older)


def test_tokens_of_many_signals_are_all_different() -> None:
    assert len({Links(SECRET).token(ids.signal_id("key:patrol", str(n))) for n in range(2000)}) == 2000
