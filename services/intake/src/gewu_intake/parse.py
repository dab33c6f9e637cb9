"""Bytes to a report. The fast road decodes and validates in one pass; only a body that fails takes the slow one, which
names every wrong field instead of the first."""

from collections.abc import Iterator
from typing import Any

import msgspec

from gewu.runtime.problem import Wrong
from gewu_intake.domain.report import ContactSaid, PlaceSaid, ReportSaid

_decode = msgspec.json.Decoder(ReportSaid).decode
_NESTED: dict[str, type[msgspec.Struct]] = {"place": PlaceSaid, "contact": ContactSaid}


def report(body: bytes) -> ReportSaid | list[Wrong]:
    """The report in this body, or everything that is wrong with it."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _faults(body)


def _faults(body: bytes) -> list[Wrong]:
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        return [Wrong("$", "not_json", str(fault))]
    except RecursionError:
        return [Wrong("$", "not_json", "nested too deeply")]
    if not isinstance(raw, dict):
        return [Wrong("$", "not_an_object", f"a report is a JSON object, this is {type(raw).__name__}")]
    return list(_of_struct(ReportSaid, raw, "$")) or [Wrong("$", "invalid", "cannot be read")]


def _of_struct(kind: type[msgspec.Struct], raw: dict[str, Any], path: str) -> Iterator[Wrong]:
    fields = {f.encode_name: f for f in msgspec.structs.fields(kind)}
    for name in raw.keys() - fields.keys():
        yield Wrong(f"{path}.{name[:80]}", "unknown_field", f"no such field; there are {', '.join(fields)}")
    for name, field in fields.items():
        if name not in raw:
            if field.required:
                yield Wrong(f"{path}.{name}", "missing", "must be given")
            continue
        nested = _NESTED.get(name)
        if nested and isinstance(raw[name], dict):
            yield from _of_struct(nested, raw[name], f"{path}.{name}")
            continue
        try:
            msgspec.convert(raw[name], field.type)
        except msgspec.ValidationError as fault:
            yield Wrong(f"{path}.{name}", "invalid", str(fault))
