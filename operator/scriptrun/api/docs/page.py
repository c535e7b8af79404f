"""The docs page: one HTML document without scripts, fonts or pictures, so it asks no other address for anything."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from scriptrun.api.docs.reference import Field, Operation, Schema, list_operations, list_schemas
from scriptrun.api.problems import KINDS

__all__ = ["POLICY", "render_page"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Its Content-Security-Policy: it may load nothing at all."""

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem }
code, pre { font: 0.9em/1.4 ui-monospace, monospace }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; border-radius: .4rem }
table { border-collapse: collapse; width: 100%; font-size: .92rem } td, th { border-bottom: 1px solid var(--line);
padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top } section { margin: 2.2rem 0 }
h3 code { font-size: 1.05em } .method { border: 1px solid var(--line); border-radius: .3rem; padding: 0 .4rem }
nav a { display: block } @media (max-width: 40rem) { table, tbody, tr, td { display: block } thead { display: none } }
"""


def render_page(document: Mapping[str, Any]) -> str:
    """Render the page of an OpenAPI document."""
    operations, schemas = list_operations(document), list_schemas(document)
    title = f"{document['info']['title']} {document['info']['version']}"
    links = "".join(
        f'<a href="#{escape(item.id)}"><code>{item.method} {escape(item.path)}</code></a>' for item in operations
    )
    body = "".join(
        [
            f"<h1>{escape(title)}</h1><p>{_inline(document['info']['description'])}</p>",
            '<p><a href="/openapi.json">The OpenAPI document</a></p>',
            f"<nav>{links}</nav>",
            *(_render_operation(item) for item in operations),
            "<h2>Bodies</h2>",
            *(_render_schema(item) for item in schemas),
            "<h2>Problems</h2>",
            _render_table(
                ("type", "status", "meaning"),
                (
                    (f"<code>urn:scriptrun:problem:{name}</code>", str(kind.status), kind.title)
                    for name, kind in KINDS.items()
                ),
            ),
        ]
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>{body}</body></html>'
    )


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split())))


def _render_table(header: Sequence[str], rows: Iterator[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{cell}</th>" for cell in header)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _render_fields(fields: Sequence[Field], title: str) -> str:
    rows = (
        (
            f"<code>{escape(item.name)}</code>{' *' if item.required else ''}",
            _inline(f"{item.type}{f', in the {item.where}' if item.where else ''}"),
            _inline(item.description),
        )
        for item in fields
    )
    return _render_table((title, "type", "meaning (* is required)"), rows) if fields else ""


def _link(name: str) -> str:
    return " or ".join(
        _inline(part) if part.startswith("`") else f'<a href="#{escape(part)}">{escape(part)}</a>'
        for part in name.split(" or ")
        if part and part != "null"
    )


def _render_operation(item: Operation) -> str:
    answers = ((status, _inline(text), _link(name)) for status, text, name in item.answers)
    body = f"<p>Body: {_link(item.body)}</p>" if item.body else ""
    return (
        f'<section id="{escape(item.id)}"><h3><span class="method">{item.method}</span> '
        f"<code>{escape(item.path)}</code></h3><p>{_inline(item.summary)}</p><p>{_inline(item.description)}</p>"
        f"{_render_fields(item.parameters, 'parameter')}{body}"
        f"{_render_table(('status', 'meaning', 'body'), answers)}</section>"
    )


def _render_schema(item: Schema) -> str:
    example = f"<pre>{escape(item.example)}</pre>" if item.example else ""
    return (
        f'<section id="{escape(item.name)}"><h3>{escape(item.name)}</h3><p>{_inline(item.description)}</p>'
        f"{_render_fields(item.fields, 'field')}{example}</section>"
    )
