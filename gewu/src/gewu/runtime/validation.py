"""What is wrong with a JSON body: every field and reason, not only the first that a decoder stumbles over."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from gewu.runtime.problem import Wrong

MOST = 50  # a body of nothing but wrong names must not be answered with ten times its size


def of(
    kind: type[msgspec.Struct], body: bytes, nested: Mapping[str, type[msgspec.Struct]] | None = None
) -> list[Wrong]:
    """Every fault of a body that could not be decoded as `kind`; nested: its fields that are structs themselves."""
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        return [Wrong("$", "not_json", str(fault))]
    except RecursionError:
        return [Wrong("$", "not_json", "nested too deeply")]
    if not isinstance(raw, dict):
        return [Wrong("$", "not_an_object", f"this must be a JSON object, not {type(raw).__name__}")]
    found = list(islice(_of_struct(kind, raw, "$", nested or {}), MOST))
    return found or [Wrong("$", "invalid", "cannot be read")]


def _of_struct(
    kind: type[msgspec.Struct], raw: dict[str, Any], path: str, nested: Mapping[str, type[msgspec.Struct]]
) -> Iterator[Wrong]:
    fields = {f.encode_name: f for f in msgspec.structs.fields(kind)}
    for name in raw.keys() - fields.keys():
        yield Wrong(f"{path}.{name[:80]}", "unknown_field", f"no such field; there are {', '.join(fields)}")
    for name, field in fields.items():
        if name not in raw:
            if field.required:
                yield Wrong(f"{path}.{name}", "missing", "must be given")
        elif name in nested and isinstance(raw[name], dict):
            yield from _of_struct(nested[name], raw[name], f"{path}.{name}", {})
        else:
            try:
                msgspec.convert(raw[name], field.type)
            except msgspec.ValidationError as fault:
                yield Wrong(f"{path}.{name}", "invalid", str(fault))
