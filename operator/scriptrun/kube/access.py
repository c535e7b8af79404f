"""What the operator may do: the one declaration that its client enforces and the chart's RBAC is tested against.

Each entry is ``(group, resource[/subresource]) -> verbs`` as in a Kubernetes PolicyRule.
"""

from collections.abc import Mapping

__all__ = ["LEASE_VERBS", "OPERATOR_VERBS", "RUNNER_VERBS", "Verbs"]

Verbs = Mapping[tuple[str, str], frozenset[str]]

OPERATOR_VERBS: Verbs = {
    ("scriptrun.dev", "scripts"): frozenset({"list", "watch"}),
    ("scriptrun.dev", "scripts/status"): frozenset({"patch"}),
    ("scriptrun.dev", "scriptruns"): frozenset({"list", "watch", "delete"}),
    ("scriptrun.dev", "scriptruns/status"): frozenset({"patch"}),
    ("batch", "jobs"): frozenset({"get", "list", "watch", "create", "patch"}),
    ("", "pods"): frozenset({"list", "watch"}),
    ("", "configmaps"): frozenset({"get", "list", "watch", "create", "delete"}),
    ("", "events"): frozenset({"list", "create"}),
    ("", "serviceaccounts"): frozenset({"create"}),
    ("rbac.authorization.k8s.io", "rolebindings"): frozenset({"create"}),
}
"""In every namespace the operator works in. Besides, `bind` on the one ClusterRole `scriptrun-runner`."""

LEASE_VERBS: Verbs = {("coordination.k8s.io", "leases"): frozenset({"get", "create", "update"})}
"""In the operator's own namespace only."""

RUNNER_VERBS: Verbs = {("", "configmaps"): frozenset({"create"})}
"""What a script pod's ServiceAccount holds; the admission policy narrows it to its own output ConfigMap."""
