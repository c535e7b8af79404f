"""kubectl, shown to whoever watches as a person would type it."""

import shlex
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .clusters import Cluster
from .errors import LocalClusterError
from .progress import announce
from .settings import ROOT

PATIENCE_SECONDS = 120.0


class Kubectl:
    """kubectl on a cluster, in one namespace and the project's folder.

    Attributes:
        shown: How a command begins that does the same on a terminal.
    """

    def __init__(self, cluster: Cluster, namespace: str = "default") -> None:
        self._argv = [str(cluster.kubectl()), "--kubeconfig", str(cluster.kubeconfig), "--namespace", namespace]
        self.shown = "kubectl" if namespace == "default" else f"kubectl --namespace {namespace}"

    def show(self, *arguments: str) -> None:
        """Prints the command, and what it answers.

        Raises:
            LocalClusterError: With what it says, when it fails.
        """
        announce(f"$ {self.shown} {shlex.join(arguments)}")
        announce(self.ask(*arguments).rstrip() + "\n")

    def ask(self, *arguments: str, text: str | None = None) -> str:
        """Returns what a command answers.

        Args:
            arguments: Of kubectl.
            text: For its standard input.

        Raises:
            LocalClusterError: With what it says, when it fails.
        """
        done = subprocess.run(
            [*self._argv, *arguments], cwd=ROOT, input=text, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise LocalClusterError(f"kubectl {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def quiet(self, *arguments: str) -> None:
        """Runs a command whose answer nobody wants to see."""
        subprocess.run([*self._argv, *arguments], cwd=ROOT, capture_output=True, check=False)

    @contextmanager
    def lines(self, *arguments: str) -> Iterator[Iterable[str]]:
        """Yields what a long command prints, line by line; ends the command when the reader is done or patience is."""
        with subprocess.Popen([*self._argv, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            limit = threading.Timer(PATIENCE_SECONDS, child.terminate)
            limit.start()
            try:
                yield child.stdout
            finally:
                limit.cancel()
                child.terminate()
