"""Rows as columns."""

import pytest

from gewu_dispatch.domain.case import Case
from gewu_dispatch.store import cases
from gewu_dispatch.store.columns import columns


def test_rows_become_an_array_a_column() -> None:
    assert columns([(1, "a"), (2, "b"), (3, None)]) == [[1, 2, 3], ["a", "b", None]]
    assert columns([]) == []


def test_a_row_that_is_too_short_is_an_error_and_no_shift() -> None:
    with pytest.raises(ValueError, match="shorter"):
        columns([(1, "a"), (2,)])


def test_a_cases_columns_stand_in_the_order_of_its_fields() -> None:
    written, read = ([name.strip() for name in found.split(",")] for found in (cases._COLUMNS, cases._ROW))
    assert read == list(Case.__struct_fields__)
    assert written == read[:-1], "all but the case that it follows, which few do"
