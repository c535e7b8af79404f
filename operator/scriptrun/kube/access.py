"""What each process may do: the one declaration that its client enforces and the chart's RBAC is tested against.

Each entry is ``(group, resource[/subresource]) -> verbs`` as in a Kubernetes PolicyRule.
"""

from collections.abc import Mapping

__all__ = [
    "API_VERBS",
    "BRIDGE_VERBS",
    "CREDENTIALS_VERBS",
    "HISTORY_VERBS",
    "LEASE_VERBS",
    "OPERATOR_VERBS",
    "PIPELINE_VERBS",
    "REVIEW_VERBS",
    "RUNNER_VERBS",
    "WORKFLOW_VERBS",
    "Verbs",
    "merge_verbs",
]

Verbs = Mapping[tuple[str, str], frozenset[str]]

OPERATOR_VERBS: Verbs = {
    ("scriptrun.dev", "scripts"): frozenset({"list", "watch"}),
    ("scriptrun.dev", "scripts/status"): frozenset({"patch"}),
    ("scriptrun.dev", "scriptruns"): frozenset({"list", "watch", "delete"}),
    ("scriptrun.dev", "scriptruns/status"): frozenset({"patch"}),
    ("batch", "jobs"): frozenset({"get", "list", "watch", "create", "patch"}),
    ("", "pods"): frozenset({"list", "watch", "delete"}),
    ("", "configmaps"): frozenset({"get", "list", "watch", "create", "delete"}),
    ("", "events"): frozenset({"list", "create"}),
    ("", "serviceaccounts"): frozenset({"create"}),
    ("rbac.authorization.k8s.io", "rolebindings"): frozenset({"create"}),
}
"""In every namespace the operator works in. Besides, `bind` on the one ClusterRole `scriptrun-runner`."""

BRIDGE_VERBS: Verbs = {
    ("scriptrun.dev", "bridges"): frozenset({"list", "watch", "patch"}),
    ("scriptrun.dev", "bridges/status"): frozenset({"patch"}),
    ("scriptrun.dev", "scripts"): frozenset({"get", "list"}),
    ("scriptrun.dev", "scriptruns"): frozenset({"get", "list", "watch", "create", "patch"}),
    ("scriptrun.dev", "scriptruns/status"): frozenset({"patch"}),
    ("", "configmaps"): frozenset({"get"}),
}
"""What the bridge may do in every namespace it works in: no Job, no pod, no deletion."""

CREDENTIALS_VERBS: Verbs = {("", "secrets"): frozenset({"get"})}
"""Of the Secrets alone that the chart's `bridge.credentialsSecrets` names."""

WORKFLOW_VERBS: Verbs = {
    ("scriptrun.dev", "workflows"): frozenset({"list", "watch"}),
    ("scriptrun.dev", "workflows/status"): frozenset({"patch"}),
    ("scriptrun.dev", "workflowruns"): frozenset({"list", "watch", "patch", "delete"}),
    ("scriptrun.dev", "workflowruns/status"): frozenset({"patch"}),
    ("scriptrun.dev", "scripts"): frozenset({"list", "watch"}),
    ("scriptrun.dev", "scriptruns"): frozenset({"get", "list", "watch", "create", "patch"}),
    ("", "configmaps"): frozenset({"get", "create"}),
}
"""What `scriptrun workflows` may do in every namespace it works in: no Secret, no Job, no pod."""

API_VERBS: Verbs = {
    ("scriptrun.dev", "scripts"): frozenset({"get", "list", "watch"}),
    ("scriptrun.dev", "scriptruns"): frozenset({"get", "list", "watch", "create", "patch", "delete"}),
    ("", "pods"): frozenset({"list", "watch"}),
    ("", "pods/log"): frozenset({"get"}),
    ("", "configmaps"): frozenset({"get"}),
}
"""What the REST API may do in every namespace it serves; for callers alone whom RBAC lets do it themselves."""

HISTORY_VERBS: Verbs = {("scriptrun.dev", "scriptruns/status"): frozenset({"patch"})}
"""Besides, where a history is kept: to say of a run that it is stored."""

PIPELINE_VERBS: Verbs = {
    ("", "configmaps"): frozenset({"create"}),
    ("", "secrets"): frozenset({"create"}),
}
"""Besides, of the API with the script pipeline's scheduler, in the one namespace that its scripts run in."""

REVIEW_VERBS: Verbs = {
    ("authentication.k8s.io", "tokenreviews"): frozenset({"create"}),
    ("authorization.k8s.io", "subjectaccessreviews"): frozenset({"create"}),
}
"""In the whole cluster: to ask who a caller is and what that one may do."""

LEASE_VERBS: Verbs = {("coordination.k8s.io", "leases"): frozenset({"get", "create", "update"})}
"""In the process's own namespace only."""

RUNNER_VERBS: Verbs = {("", "configmaps"): frozenset({"create"})}
"""What a script pod's ServiceAccount holds; the admission policy narrows it to its own output ConfigMap."""


def merge_verbs(*parts: Verbs) -> Verbs:
    """Put declarations together."""
    merged: dict[tuple[str, str], frozenset[str]] = {}
    for part in parts:
        for resource, verbs in part.items():
            merged[resource] = merged.get(resource, frozenset()) | verbs
    return merged
