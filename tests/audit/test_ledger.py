"""Ledgers as clients leave them, killed ones too."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from gewu.audit.ledger import OK, REJECTED, UNKNOWN, Ledger, LedgerFault, read

_SIGNAL = "01890000-0000-8000-8000-000000000001"


def lines(*said: tuple[str, str]) -> str:
    """(id, source) for a sending, (id, outcome) for an answer."""
    words = {"ok", "unknown", "rejected"}
    return "".join(json.dumps({"id": i, "outcome" if w in words else "source": w}) + "\n" for i, w in said)


def outcomes(*said: tuple[str, str]) -> dict[str, int]:
    ledger = Ledger()
    ledger.take(lines(*said).splitlines(keepends=True), "l")
    return {i: entry.outcome for i, entry in ledger.entries()}


def test_an_id_without_an_outcome_counts_as_unknown() -> None:
    assert outcomes(("a", "app"), ("b", "app"), ("a", "ok")) == {"a": OK, "b": UNKNOWN}


def test_a_promise_outweighs_every_other_answer() -> None:
    assert outcomes(("a", "app"), ("a", "ok"), ("a", "app"), ("a", "rejected")) == {"a": OK}


def test_a_rejection_counts_only_when_every_sending_was_rejected() -> None:
    assert outcomes(("a", "app"), ("a", "rejected")) == {"a": REJECTED}
    assert outcomes(("a", "app"), ("a", "app"), ("a", "rejected")) == {"a": UNKNOWN}
    assert outcomes(("a", "app"), ("a", "unknown"), ("a", "app"), ("a", "rejected")) == {"a": UNKNOWN}


def test_one_id_of_two_sources_is_two_acts_and_an_answer_belongs_to_the_last_that_sent() -> None:
    ledger = Ledger()
    said = (("a", "app"), ("a", "camera"), ("a", "ok"), ("a", "app"), ("a", "rejected"))
    ledger.take(lines(*said).splitlines(keepends=True), "l")
    app, camera = ledger.find("app", "a"), ledger.find("camera", "a")
    assert app and camera and (app.outcome, camera.outcome) == (UNKNOWN, OK)
    assert ledger.find("other", "a") is None and ledger.sends == 3


def test_files_are_one_ledger_and_a_line_cut_short_at_the_end_is_passed_over(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(lines(("a", "app")) + '{"id": "a", "outc')
    two.write_text(lines(("a", "app")) + json.dumps({"id": "a", "outcome": "ok", "signal_id": _SIGNAL}) + "\n\n")
    entry = read([one, two]).find("app", "a")
    assert entry and entry.outcome == OK and entry.signal == UUID(_SIGNAL).bytes


@pytest.mark.parametrize(
    "wrong", ["{", '{"id": "a"}', '{"id": "b", "outcome": "ok"}', '{"id": "a", "outcome": "fine"}', "[]"]
)
def test_a_wrong_line_is_named(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "l"
    path.write_text(lines(("a", "app")) + wrong + "\n" + lines(("c", "app")))
    with pytest.raises(LedgerFault, match=r"l:2: is no line of a ledger"):
        read([path])
