"""What makes a round of the bench fail: figures that are of another rate than they are held against, or not of all that came."""

import pytest

from bench.measures.intake import same_rate
from bench.processes.through import Department
from bench.world import Fault


def test_a_p99_at_another_rate_is_no_figure() -> None:
    for found in (18_000.0, 20_000.0, 22_000.0):
        same_rate(found, 20_000.0)
    for found in (17_900.0, 22_500.0):
        with pytest.raises(Fault, match="20000 were wanted"):
            same_rate(found, 20_000.0)


async def test_a_case_that_comes_to_no_department_is_a_fault() -> None:
    department = Department("127.0.0.1:9", [])
    department.heard = {"a": 1.0, "of another load": 1.0}
    await department.until_told({"a"}, patience=0.0)
    with pytest.raises(Fault, match="of 3 cases that were opened 2 came to no department"):
        await department.until_told({"a", "b", "c"}, patience=0.0)
