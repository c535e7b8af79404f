"""Images and chart of the project in a cluster."""

from collections.abc import Mapping
from pathlib import Path

from .clusters import Cluster
from .errors import CommandFailedError, LocalClusterError
from .gobuild import HELM, ensure_program
from .images import IMAGES, OPERATOR, RUNNER, compute_folder_key
from .progress import step
from .settings import ROOT, Settings
from .shell import read_output, run_logged

NAMESPACE = "scriptrun-system"
RELEASE = "scriptrun"
CHART = ROOT / "charts" / "scriptrun"
READY_TIMEOUT = "120s"

OVERLAY = """\
ARG BASE
FROM ${BASE}
COPY . /
"""


def ensure_images(settings: Settings, cluster: Cluster) -> dict[str, str]:
    """Makes sure the cluster has the project's images.

    Returns:
        The exact image names by short name. They change with the content, so a Deployment that names one rolls over.
    """
    names = {}
    for image in IMAGES:
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
    base = ensure_images(settings, cluster)[RUNNER.short_name]
    dockerfile = source / "Dockerfile"
    if not dockerfile.exists():
        dockerfile = settings.cache / "overlay.Dockerfile"
        dockerfile.write_text(OVERLAY)
    exact = f"{name}-{compute_folder_key(source)}-{RUNNER.key}"
    cluster.ensure_image(exact, dockerfile, source, {"BASE": base})
    cluster.tag(exact, name)


def install(settings: Settings, cluster: Cluster) -> None:
    """Installs or upgrades the chart and waits until the operator is ready.

    Raises:
        LocalClusterError: With what the pods and the operator say, when it does not get ready.
    """
    names = ensure_images(settings, cluster)
    helm = ensure_program(settings, HELM)
    log = settings.cache / "log" / "helm.log"
    command: list[str | Path] = [
        helm,
        "upgrade",
        "--install",
        RELEASE,
        CHART,
        "--namespace",
        NAMESPACE,
        "--create-namespace",
    ]
    command += ["--kubeconfig", cluster.kubeconfig, "--wait", "--timeout", READY_TIMEOUT]
    # The CRDs may be there already, from a test or by hand.
    command += ["--take-ownership", "--force-conflicts", *build_image_values(names)]
    with step("Installing the chart"):
        try:
            run_logged(command, log)
        except CommandFailedError as error:
            raise LocalClusterError(f"{error}\n{_describe_operator(cluster)}") from error


def build_image_values(names: Mapping[str, str]) -> list[str]:
    """Builds helm's ``--set`` arguments that name the images."""
    places = {"image": OPERATOR, "runner.image": RUNNER}
    values = []
    for place, image in places.items():
        repository, _, tag = names[image.short_name].rpartition(":")
        values += ["--set", f"{place}.repository={repository}", "--set-string", f"{place}.tag={tag}"]
    return values


def _describe_operator(cluster: Cluster) -> str:
    def ask(*arguments: str) -> str:
        kubectl = (cluster.kubectl(), "--kubeconfig", cluster.kubeconfig, "--namespace", NAMESPACE)
        return read_output(*kubectl, *arguments).rstrip() or "(nothing)"

    selector = ("--selector", f"app.kubernetes.io/instance={RELEASE}")
    return "\n".join(
        [
            "The operator's pods:",
            ask("get", "pods", *selector, "--output", "wide"),
            "Their last events:",
            ask("get", "events", "--sort-by", ".lastTimestamp"),
            "The end of their logs:",
            ask("logs", *selector, "--tail", "20", "--prefix"),
        ]
    )
