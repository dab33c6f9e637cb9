"""What the documents promise holds under input that nobody thought of: schemathesis over both services' /openapi.json."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
]
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_x(stack, reporter, mode):
    for url, key in ((stack.intake_url, reporter), (stack.dispatch_url, stack.ops_key)):
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=schemathesis.Config())
        for result in schema.get_all_operations():
            op = result.ok()
            import time
            from collections import Counter

            seen = Counter()
            t = time.time()

            @settings(
                max_examples=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink],
            )
            @given(case=op.as_strategy(mode))
            def run(case):
                r = case.call_and_validate(headers={"authorization": f"Bearer {key}"}, checks=CHECKS)
                seen[r.status_code] += 1

            try:
                run()
                print(op.label, mode, seen, time.time() - t)
            except BaseException as e:
                print("FAIL", op.label, mode, seen, time.time() - t, type(e), str(e)[:3000])
