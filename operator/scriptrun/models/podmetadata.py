"""Labels and annotations of run pods: what a Script, or the operator's settings, may put on them."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from scriptrun.models.base import Model, cel

__all__ = ["PodMetadata", "check_defaults"]

ENTRIES_LIMIT = 64
ANNOTATIONS_LIMIT = 32_768
"""Characters of all annotations; Kubernetes' own limit is 262,144 bytes, which others' annotations count towards."""

PREFIX_LIMIT = 253
KEY_LIMIT = PREFIX_LIMIT + 1 + 63

KEY = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
"""A qualified name: an optional DNS subdomain and a slash, and up to 63 characters."""

LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"

RESERVED = r"^(([^/]*[.])?(kubernetes[.]io|k8s[.]io|scriptrun[.]dev)/|io[.]kubernetes[.])"
"""Keys of ours and of Kubernetes'. Some of the latter say how a container is confined, or what it is counted as."""

LABELS_ALLOWED = tuple(f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "component", "part-of"))
ANNOTATIONS_ALLOWED = tuple(
    f"cluster-autoscaler.kubernetes.io/{name}" for name in ("safe-to-evict", "safe-to-evict-local-volumes")
)
"""Of the reserved ones, those that people need and that change nothing but who looks at the pod, or when."""

OWN = r"^(([^/]*[.])?scriptrun[.]dev/|app[.]kubernetes[.]io/managed-by$|batch[.]kubernetes[.]io/)"
"""Keys that not even an administrator may set: the operator and the Job controller tell pods by them."""

_KEY, _LABEL_VALUE, _RESERVED, _OWN = (re.compile(pattern) for pattern in (KEY, LABEL_VALUE, RESERVED, OWN))
_SYNTAX = "an optional DNS prefix and '/', then 1 to 63 letters, digits, '-', '_' or '.'"


def _check_key(key: str) -> None:
    if len(key) > KEY_LIMIT or len(key.partition("/")[0]) > PREFIX_LIMIT or not _KEY.fullmatch(key):
        raise ValueError(f'key "{key[:320]}" is not valid: {_SYNTAX}')


def _check_size(entries: Mapping[str, str]) -> None:
    if len(entries) > ENTRIES_LIMIT:
        raise ValueError(f"there are {len(entries)} entries, at most {ENTRIES_LIMIT} are allowed")


def _check_label_values(labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        if len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
            said = "at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"
            raise ValueError(f'the value of label "{key}" is not valid: {said}')


def _check_annotations_size(annotations: Mapping[str, str]) -> None:
    size = sum(len(key) + len(value) for key, value in annotations.items())
    if size > ANNOTATIONS_LIMIT:
        raise ValueError(f"annotations have {size:,} characters, at most {ANNOTATIONS_LIMIT:,} are allowed")


def _check_reserved(entries: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    for key in entries:
        if _RESERVED.match(key) and key not in allowed:
            raise ValueError(f'key "{key}" is reserved for Kubernetes or scriptrun. {_describe(allowed)}')


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    _check_size(labels)
    for key in labels:
        _check_key(key)
    _check_reserved(labels, LABELS_ALLOWED)
    _check_label_values(labels)
    return labels


def _check_annotations(annotations: dict[str, str]) -> dict[str, str]:
    _check_size(annotations)
    for key in annotations:
        _check_key(key)
    _check_reserved(annotations, ANNOTATIONS_ALLOWED)
    _check_annotations_size(annotations)
    return annotations


def check_defaults(labels: bool) -> Callable[[dict[str, str]], dict[str, str]]:
    """Build the check of the operator's own defaults. An administrator may set Kubernetes' keys as well.

    Args:
        labels: whether they are labels, and not annotations.
    """

    def check(entries: dict[str, str]) -> dict[str, str]:
        _check_size(entries)
        for key in entries:
            _check_key(key)
            if _OWN.match(key):
                raise ValueError(f'key "{key}" is set by the operator or the Job controller; choose another')
        (_check_label_values if labels else _check_annotations_size)(entries)
        return entries

    return check


def _describe(allowed: tuple[str, ...]) -> str:
    return f"Of those only {', '.join(allowed)} may be set"


def _build_schema(
    what: str, value: Mapping[str, Any], allowed: tuple[str, ...], *rules: dict[str, str]
) -> dict[str, Any]:
    listed = ", ".join(f"'{key}'" for key in allowed)
    return {
        "type": "object",
        "maxProperties": ENTRIES_LIMIT,
        "additionalProperties": {"type": "string", **value},
        **cel(
            {
                "rule": f"self.all(key, size(key) <= {KEY_LIMIT} && size(key.split('/')[0]) <= {PREFIX_LIMIT} && "
                f"key.matches('{KEY}'))",
                "message": f"{what} keys are {_SYNTAX}",
            },
            {
                "rule": f"self.all(key, key in [{listed}] || !key.matches('{RESERVED}'))",
                "message": f"{what} keys of kubernetes.io, k8s.io and scriptrun.dev are reserved. {_describe(allowed)}",
            },
            *rules,
        ),
    }


_LABELS = _build_schema("label", {"maxLength": 63, "pattern": LABEL_VALUE}, LABELS_ALLOWED)
_ANNOTATIONS = _build_schema(
    "annotation",
    {"maxLength": ANNOTATIONS_LIMIT},
    ANNOTATIONS_ALLOWED,
    {
        "rule": f"self.map(key, size(key) + size(self[key])).sum() <= {ANNOTATIONS_LIMIT}",
        "message": f"annotations have at most {ANNOTATIONS_LIMIT} characters together, keys included",
    },
)


class PodMetadata(Model):
    """Labels and annotations for a Script's pods."""

    labels: Annotated[dict[str, str], AfterValidator(_check_labels), WithJsonSchema(_LABELS)] = Field(
        default_factory=dict,
        description="Labels of the pods, such as those that a service mesh, workload identity or cost reports ask for. "
        "Default: none.",
    )
    annotations: Annotated[dict[str, str], AfterValidator(_check_annotations), WithJsonSchema(_ANNOTATIONS)] = Field(
        default_factory=dict, description="Annotations of the pods. Default: none."
    )
