"""Images and chart of the project in a cluster."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from .clusters import Cluster
from .errors import CommandFailedError, LocalClusterError
from .gobuild import HELM, compute_key, ensure_program
from .images import IMAGES, OPERATOR, RUNNER, Image, compute_folder_key
from .progress import step
from .settings import ROOT, Settings
from .shell import read_output, run_logged

NAMESPACE = "scriptrun-system"
RELEASE = "scriptrun"
CHART = ROOT / "charts" / "scriptrun"
READY_TIMEOUT = "120s"
SELECTOR = ("--selector", f"app.kubernetes.io/instance={RELEASE}")

OVERLAY = """\
ARG BASE
FROM ${BASE}
COPY . /
"""


def ensure_images(settings: Settings, cluster: Cluster, images: Iterable[Image] = IMAGES.values()) -> dict[str, str]:
    """Makes sure the cluster has the project's images.

    Returns:
        The exact image names by short name. They change with the content, so a Deployment that names one rolls over.
    """
    names = {}
    for image in images:
        # Asked once: the source may change while the image is built.
        name = settings.images.get(image.short_name) or image.name
        names[image.short_name] = name
        if image.short_name not in settings.images:
            cluster.ensure_image(name, image.dockerfile, image.root, {})
            cluster.tag(name, image.plain_name)
    return names


def load_image(settings: Settings, cluster: Cluster, name: str, source: Path) -> None:
    """Loads an image for a test.

    Args:
        settings: Where the cache is.
        cluster: Where to load it.
        name: Name with tag; ignored for an archive, which carries its own.
        source: A folder: with a Dockerfile, that is built (its ``ARG BASE`` gets the runner image), without one its
            files are laid over the runner image. Or an OCI or Docker archive.
    """
    if source.is_file():
        cluster.load_archive(source)
        return
    base = ensure_images(settings, cluster, [RUNNER])[RUNNER.short_name]
    dockerfile = source / "Dockerfile"
    if not dockerfile.exists():
        dockerfile = settings.cache / "overlay.Dockerfile"
        dockerfile.write_text(OVERLAY)
    exact = f"{name}-{compute_folder_key(source)}-{RUNNER.key}"
    cluster.ensure_image(exact, dockerfile, source, {"BASE": base})
    cluster.tag(exact, name)


def install(settings: Settings, cluster: Cluster, *, bridge: bool = False, api: bool = False) -> None:
    """Installs or upgrades the chart and waits until the operator is ready. Does nothing when it is there as it is.

    Args:
        settings: Where the cache is.
        cluster: Where to install.
        bridge: Whether with the bridge to orchestrators.
        api: Whether with the REST API and the history, on a volume.

    Raises:
        LocalClusterError: With what the pods and the operator say, when it does not get ready.
    """
    names = ensure_images(settings, cluster)
    helm = ensure_program(settings, HELM)
    values = build_image_values(names)
    values += ["--set", "bridge.create=true"] if bridge else []
    values += ["--set", "api.create=true,history.create=true"] if api else []
    key = compute_key([compute_folder_key(CHART).encode(), *(value.encode() for value in values)])
    if _is_installed(cluster, helm, key):
        return
    command: list[str | Path] = [helm, "upgrade", "--install", RELEASE, CHART, "--namespace", NAMESPACE]
    command += ["--create-namespace", "--kubeconfig", cluster.kubeconfig, "--wait", "--timeout", READY_TIMEOUT]
    # The CRDs may be there already, from a test or by hand.
    command += ["--take-ownership", "--force-conflicts", "--description", key, *values]
    with step("Installing the chart and waiting for the operator"):
        try:
            run_logged(command, settings.cache / "log" / "helm.log")
        except CommandFailedError as error:
            raise LocalClusterError(f"{error}\n{_describe_operator(cluster)}") from error


def _is_installed(cluster: Cluster, helm: Path, key: str) -> bool:
    """Tells whether the last thing Helm did was to deploy this very chart, and every operator pod is available."""
    where = ("--namespace", NAMESPACE, "--kubeconfig", cluster.kubeconfig)
    history = json.loads(read_output(helm, "history", RELEASE, "--max", "1", "--output", "json", *where) or "[]")
    if not any(entry["status"] == "deployed" and entry["description"] == key for entry in history):
        return False
    template = "{.items[*].spec.replicas}={.items[*].status.availableReplicas}"
    replicas = _ask(cluster, "get", "deployments", *SELECTOR, "--output", f"jsonpath={template}")
    wanted, _, available = replicas.partition("=")
    return wanted != "" and wanted == available


def build_image_values(names: Mapping[str, str]) -> list[str]:
    """Builds helm's ``--set`` arguments that name the images."""
    places = {"image": OPERATOR, "runner.image": RUNNER}
    values = []
    for place, image in places.items():
        repository, _, tag = names[image.short_name].rpartition(":")
        values += ["--set", f"{place}.repository={repository}", "--set-string", f"{place}.tag={tag}"]
    return values


def _describe_operator(cluster: Cluster) -> str:
    parts = {
        "The operator's pods:": ("get", "pods", *SELECTOR, "--output", "wide"),
        "Their last events:": ("get", "events", "--sort-by", ".lastTimestamp"),
        "The end of their logs:": ("logs", *SELECTOR, "--tail", "20", "--prefix"),
    }
    return "\n".join(f"{title}\n{_ask(cluster, *arguments) or '(nothing)'}" for title, arguments in parts.items())


def _ask(cluster: Cluster, *arguments: str) -> str:
    """Returns what kubectl prints about the operator's namespace; nothing when it fails."""
    kubectl = (cluster.kubectl(), "--kubeconfig", cluster.kubeconfig, "--namespace", NAMESPACE)
    return read_output(*kubectl, *arguments).rstrip()
