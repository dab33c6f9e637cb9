"""OpenAPI 3.1 from message types, and a page that shows it without loading anything from elsewhere."""

from html import escape
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

import gewu
from gewu.runtime import problem

_REF = "#/components/schemas/{name}"


def operation(
    summary: str, description: str, *, answers: dict[str, tuple[str, type]], body: tuple[str, type, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None, lines: bool = False, security: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """One operation. `lines`: body and 200 answer are NDJSON, a document a line."""
    found: dict[str, Any] = {"summary": summary, "description": description, "responses": {}}
    if parameters:
        found["parameters"] = parameters
    if body:
        media, kind, example = body
        content = {
            "schema": {"type": "string", "x-line": kind} if lines else kind,
            **({"example": example} if example else {}),
        }
        found["requestBody"] = {"required": True, "content": {media: content}}
    for status, (text, kind) in answers.items():
        media = problem.TYPE if kind is problem.Problem else "application/x-ndjson" if lines else "application/json"
        schema = {"type": "string", "x-line": kind} if media == "application/x-ndjson" else kind
        found["responses"][status] = {"description": text, "content": {media: {"schema": schema}}}
    found["security"] = [{"key": []}] if security else [{"key": []}, {}]
    return found


def binary(*media: str) -> dict[str, Any]:
    """Content that is bytes, of any of these media types."""
    return {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media}


def document(title: str, paths: dict[str, Any]) -> dict[str, Any]:
    """The document, with every type that an operation names as a component."""
    kinds: list[type] = []

    def collect(node: Any) -> None:
        for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            if isinstance(value, type) and value not in kinds:
                kinds.append(value)
            collect(value)

    collect(paths)
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    by_kind = dict(zip(kinds, schemas, strict=True))

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return {k: by_kind[v] if isinstance(v, type) else filled(v) for k, v in node.items()}
        return [filled(v) for v in node] if isinstance(node, list) else node

    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": gewu.__version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": filled(paths),
        "components": {"schemas": components, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def routes(document: dict[str, Any]) -> list[Route]:
    """/openapi.json for machines and /docs for people."""
    page = _page(document)

    async def openapi(_: Request) -> Response:
        return JSONResponse(document)

    async def docs(_: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"})

    return [Route("/openapi.json", openapi), Route("/docs", docs)]


def _page(document: dict[str, Any]) -> str:
    operations = "".join(
        _operation(method, path, op) for path, methods in document["paths"].items() for method, op in methods.items()
    )
    schemas = "".join(
        f"<h3 id='{escape(name)}'>{escape(name)}</h3><p>{escape(s.get('description', ''))}</p>{_fields(s)}"
        for name, s in document["components"]["schemas"].items()
    )
    title = escape(document["info"]["title"])
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{title}</title>"
    body = f"<h1>{title}</h1><p><a href=openapi.json>openapi.json</a></p>{operations}<h2>Messages</h2>{schemas}"
    return f"<!doctype html><html lang=en>{head}<style>{_STYLE}</style>{body}"


def _operation(method: str, path: str, op: dict[str, Any]) -> str:
    answers = "".join(
        f"<tr><td><b>{status}</b><td>{escape(a['description'])}<td>{_links(a)}"
        for status, a in sorted(op["responses"].items())
    )
    parameters = "".join(
        f"<tr><td><code>{escape(p['name'])}</code><td>{escape(p.get('description', ''))}<td>{p['in']}"
        for p in op.get("parameters", [])
    )
    body = f"<p>Body: {_links(op['requestBody'])}</p>{_example(op['requestBody'])}" if "requestBody" in op else ""
    asked = f"<table>{parameters}</table>" if parameters else ""
    head = f"<h2><span>{method.upper()}</span> <code>{escape(path)}</code></h2>"
    text = f"<p><b>{escape(op['summary'])}.</b> {escape(op['description'])}</p>"
    return f"<section>{head}{text}{body}{asked}<table>{answers}</table></section>"


def _example(node: dict[str, Any]) -> str:
    found = [c["example"] for c in node["content"].values() if "example" in c]
    return "".join(f"<pre>{escape(msgspec.json.format(msgspec.json.encode(e)).decode())}</pre>" for e in found)


def _links(node: dict[str, Any]) -> str:
    found = []
    for media, content in node.get("content", {}).items():
        schema = content["schema"]
        name = schema.get("x-line", schema).get("$ref", "").rpartition("/")[2]
        found.append(
            f"<a href='#{escape(name)}'>{escape(name)}</a> <small>{escape(media)}</small>"
            if name
            else f"<small>{escape(media)}</small>"
        )
    return " ".join(found)


def _fields(schema: dict[str, Any]) -> str:
    rows = ""
    for name, field in schema.get("properties", {}).items():
        must = " *" if name in schema.get("required", []) else ""
        limits = ", ".join(f"{k} {field[k]}" for k in _LIMITS if k in field)
        kind, text = escape(_kind(field)), escape(field.get("description", ""))
        rows += f"<tr><td><code>{escape(name)}</code>{must}<td>{kind} <small>{escape(limits)}</small><td>{text}"
    return f"<table>{rows}</table>" if rows else ""


def _kind(field: dict[str, Any]) -> str:
    named = [f.get("$ref", "").rpartition("/")[2] or str(f.get("type", "any")) for f in field.get("anyOf", [field])]
    return " or ".join(named)


_LIMITS = ("minimum", "maximum", "minLength", "maxLength", "pattern", "format", "default")
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a2733}
h2 span{background:#0b6e4f;color:#fff;border-radius:4px;padding:.1rem .5rem;font-size:.8em}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
td{border-top:1px solid #d7dee4;padding:.3rem .6rem .3rem 0;vertical-align:top}
pre{background:#f3f6f8;padding:.6rem .8rem;border-radius:4px;overflow-x:auto}
small{color:#5b6b78}code{font-size:.95em}section{margin-bottom:2rem}
"""
