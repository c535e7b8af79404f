"""The resources this project touches, and where the API server serves them."""

from dataclasses import dataclass

__all__ = [
    "BRIDGES",
    "CONFIGMAPS",
    "EVENTS",
    "JOBS",
    "LEASES",
    "NAMESPACES",
    "PODS",
    "ROLEBINDINGS",
    "SCRIPTRUNS",
    "SCRIPTS",
    "SECRETS",
    "SERVICEACCOUNTS",
    "SUBJECTACCESSREVIEWS",
    "TOKENREVIEWS",
    "Resource",
]


@dataclass(frozen=True, slots=True)
class Resource:
    """A namespaced or cluster-wide REST resource: group ("" for core), version and plural."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Build the URL path of the collection, one object or its subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        parts.extend(part for part in (name, subresource) if part)
        return "/".join(parts)


SCRIPTS = Resource("scriptrun.dev", "v1alpha1", "scripts")
SCRIPTRUNS = Resource("scriptrun.dev", "v1alpha1", "scriptruns")
BRIDGES = Resource("scriptrun.dev", "v1alpha1", "bridges")
JOBS = Resource("batch", "v1", "jobs")
PODS = Resource("", "v1", "pods")
CONFIGMAPS = Resource("", "v1", "configmaps")
SECRETS = Resource("", "v1", "secrets")
EVENTS = Resource("", "v1", "events")
NAMESPACES = Resource("", "v1", "namespaces")
SERVICEACCOUNTS = Resource("", "v1", "serviceaccounts")
ROLEBINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
TOKENREVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews")
SUBJECTACCESSREVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews")
