"""The resources this project touches, and where the API server serves them."""

from dataclasses import dataclass
from urllib.parse import quote

from scriptrun.errors import NotFound

__all__ = [
    "ADMISSIONPOLICIES",
    "ADMISSIONPOLICYBINDINGS",
    "BRIDGES",
    "CONFIGMAPS",
    "CUSTOMRESOURCEDEFINITIONS",
    "DEPLOYMENTS",
    "EVENTS",
    "JOBS",
    "LEASES",
    "NAMESPACES",
    "PERSISTENTVOLUMECLAIMS",
    "PODS",
    "ROLEBINDINGS",
    "SCRIPTRUNS",
    "SCRIPTS",
    "SECRETS",
    "SELFSUBJECTACCESSREVIEWS",
    "SERVICEACCOUNTS",
    "STORAGECLASSES",
    "SUBJECTACCESSREVIEWS",
    "TOKENREVIEWS",
    "WORKFLOWRUNS",
    "WORKFLOWS",
    "Resource",
]


@dataclass(frozen=True, slots=True)
class Resource:
    """A namespaced or cluster-wide REST resource: group ("" for core), version and plural."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Build the URL path of the collection, one object or its subresource.

        Others write the names: what a run, a Bridge or a task refers to must not lead out of its namespace, nor to
        another resource.

        Raises:
            NotFound: nothing can have such a name.
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace:
            parts.append(f"namespaces/{_check(namespace)}")
        parts.append(self.plural)
        parts.extend(_check(part) for part in (name, subresource) if part)
        return "/".join(parts)


def _check(name: str) -> str:
    """Check a segment of a path by Kubernetes' own rule for names (``IsValidPathSegmentName``), and quote it."""
    if name in (".", "..") or "/" in name or "%" in name:
        raise NotFound(f"nothing can be named {name[:253]!r}: a name has no slash and no percent sign", 404, "NotFound")
    return quote(name, safe=":", errors="replace")


SCRIPTS = Resource("scriptrun.dev", "v1alpha1", "scripts")
SCRIPTRUNS = Resource("scriptrun.dev", "v1alpha1", "scriptruns")
BRIDGES = Resource("scriptrun.dev", "v1alpha1", "bridges")
WORKFLOWS = Resource("scriptrun.dev", "v1alpha1", "workflows")
WORKFLOWRUNS = Resource("scriptrun.dev", "v1alpha1", "workflowruns")
JOBS = Resource("batch", "v1", "jobs")
PODS = Resource("", "v1", "pods")
CONFIGMAPS = Resource("", "v1", "configmaps")
SECRETS = Resource("", "v1", "secrets")
EVENTS = Resource("", "v1", "events")
NAMESPACES = Resource("", "v1", "namespaces")
SERVICEACCOUNTS = Resource("", "v1", "serviceaccounts")
ROLEBINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
DEPLOYMENTS = Resource("apps", "v1", "deployments")
PERSISTENTVOLUMECLAIMS = Resource("", "v1", "persistentvolumeclaims")
STORAGECLASSES = Resource("storage.k8s.io", "v1", "storageclasses")
ADMISSIONPOLICIES = Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies")
ADMISSIONPOLICYBINDINGS = Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings")
CUSTOMRESOURCEDEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
SELFSUBJECTACCESSREVIEWS = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews")
TOKENREVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews")
SUBJECTACCESSREVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews")
