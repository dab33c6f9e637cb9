"""What an error of the database means for a batch."""

import asyncpg

from gewu.runtime.postgres import is_later


def test_a_connection_that_ends_under_a_statement_is_no_records_fault() -> None:
    assert is_later(asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"))
    assert is_later(ConnectionResetError()) and is_later(TimeoutError())
    assert not is_later(asyncpg.CheckViolationError("a row")) and not is_later(ZeroDivisionError())
