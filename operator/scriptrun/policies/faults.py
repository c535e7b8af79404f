"""What is wrong with documents given as JSON text: "" when nothing is.

These are what a worker process computes where it may take long, so this module imports little.
"""

import json
from typing import Any

from scriptrun.policies.documents import parse_document
from scriptrun.policies.exactness import find_inexact, find_unkept
from scriptrun.policies.schema import check_against_schema, check_schema

__all__ = ["find_inexact_fault", "find_output_fault", "find_schema_fault", "find_variables_fault"]


def find_schema_fault(text: str) -> str:
    """Find what is wrong with a schema that a Script gives."""
    return check_schema(json.loads(text))


def find_variables_fault(text: str, schema: dict[str, Any]) -> str:
    """Find what is wrong with variables that the API server keeps, so that they are JSON."""
    return check_against_schema(json.loads(text), schema, "variables")


def find_inexact_fault(text: str) -> str:
    """Find a number that Kubernetes rounds in documents, given as one object by what they are called."""
    documents: dict[str, Any] = json.loads(text)
    return next(filter(None, (find_inexact(document, root) for root, document in documents.items())), "")


def find_output_fault(text: str | bytes, schema: dict[str, Any], inline: bool = False) -> str:
    """Find what is wrong with an output, which a script may have written at will.

    Args:
        text: the output.
        schema: the Script's outputSchema.
        inline: the status is the only place it can be in, so that has to keep it as it is.
    """
    try:
        output = parse_document(text)
    except ValueError as error:
        return f"the output is no JSON document that can be kept: {error}"
    if inline and (unkept := find_unkept(text if isinstance(text, str) else text.decode(), "output")):
        return f"{unkept} in the run's status: write it as a string, or use the Script's output.transport ConfigMap"
    return check_against_schema(output, schema, "output")
