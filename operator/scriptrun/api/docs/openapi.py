"""The OpenAPI document: FastAPI's, with what it can't say of this API put right."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

__all__ = ["MEDIA_TYPE", "build_openapi", "find_methods"]

MEDIA_TYPE = "application/problem+json"

_FIRST_PROBLEM = "400"
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that the cluster accepts (such as `kubectl create token` prints), or an API token.",
    }
}
_LOCATION = {"Location": {"description": "Path of the run.", "schema": {"type": "string"}}}


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Build the document."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    document["components"]["securitySchemes"] = _SECURITY
    for path, item in document["paths"].items():
        for operation in item.values():
            if path.startswith("/api/"):
                operation["security"] = [{"bearer": []}]
            operation["summary"] = operation["description"].partition("\n")[0]
            for status, answer in operation["responses"].items():
                # FastAPI files each model under what the operation answers when all is well.
                contents = answer.get("content", {})
                if status >= _FIRST_PROBLEM and path.startswith("/api/"):
                    answer["content"] = {MEDIA_TYPE: next(part for part in contents.values() if "schema" in part)}
            if operation["operationId"] in ("createRun", "rerunRun"):
                for status in ("200", "201"):
                    operation["responses"][status]["headers"] = _LOCATION
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


def find_methods(document: dict[str, Any], path: str) -> list[str]:
    """Find the methods that a path knows."""
    found: set[str] = set()
    for template, item in document["paths"].items():
        pattern = "[^/]+".join(re.escape(part) for part in re.split(r"{[^}]+}", template))
        if re.fullmatch(pattern, path):
            found |= {method.upper() for method in item}
    return sorted(found)
