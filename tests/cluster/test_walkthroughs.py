"""The documentation, done as it says: every ``console`` block of these pages is typed in, and must print what it shows.

A ``yaml`` block whose first line is a comment with a file name is that file. Each page has a namespace and a folder of
its own. What differs from run to run (times, random names) may differ.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from clusterlab.chart import NAMESPACE, keep_release, wait_no_operator
from clusterlab.space import Space
from docpages import ROOT, Command, read_blocks, read_commands
from kubeapi import Api

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

LOCALCLUSTER = [sys.executable, str(ROOT / "tests" / "localcluster")]
# Page, and the folder that it starts from.
PAGES = {
    "README.md": "",
    "docs/script.md": "",
    "docs/scriptrun.md": "",
    "docs/gitops.md": "examples/gitops",
    "docs/troubleshooting.md": "",
}
# These are one: the second goes on where the first ends, with the chart's own operator and API in the cluster.
API_PAGES = ("docs/api.md", "docs/history.md")
WAIT_SECONDS = 180
_MARK = "\x1e"
_VARYING = (
    (re.compile(r"^\S+: (Pending|Running)\n", re.MULTILINE), ""),  # what a terminal shows as one line that changes
    (re.compile(r"-0-[a-z0-9]{5}\b"), "-0-*"),  # pods
    (re.compile(r"\b([a-z-]+-(?:py|sh|js))-[a-z0-9]{5}\b"), r"\1-*"),  # runs that were given a name
    (re.compile(r"\brun-[0-9a-f]{32}\b"), "run-*"),
    (re.compile(r"\b\d+(\.\d+)? ?m?s\b|\b\d+m\d+s\b"), "N s"),
    (re.compile(r"\b\d+\.\d+\b"), "N"),
    (re.compile(r"\s+"), " "),
)


def _normalise(text: str) -> str:
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return text.strip()


def _matches(printed: str, shown: str) -> bool:
    """Whether a page shows what was printed; an ellipsis stands for anything."""
    pattern = ".*".join(re.escape(part) for part in _normalise(shown).split("…"))
    return re.fullmatch(pattern, _normalise(printed)) is not None


def _write_kubeconfig(kubeconfig: Path, namespace: str, path: Path) -> None:
    document = yaml.safe_load(kubeconfig.read_text())
    for context in document["contexts"]:
        context["context"]["namespace"] = namespace
    path.touch(0o600)
    path.write_text(yaml.safe_dump(document))


def _type_in(commands: list[Command], folder: Path, environment: dict[str, str]) -> list[str]:
    """Run commands one after the other in one shell; returns what each printed."""
    script = folder.parent / "commands.sh"
    typed = "".join(f"printf '{_MARK}'\n{command.text}\n" for command in commands)
    script.write_text(f"trap 'kill $(jobs -p) 2>/dev/null' EXIT\n{typed}")
    done = subprocess.run(
        ["bash", str(script)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    return done.stdout.split(_MARK)[1:]


@pytest.fixture(scope="module")
def tools() -> str:
    """PATH with kubectl, helm and scriptrun on it."""
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    for name in ("kubectl", "helm"):
        command = [*LOCALCLUSTER, "tool", name]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        folders.insert(0, str(Path(found).parent))
    return os.pathsep.join(folders)


def _save_files(page: str, folder: Path) -> None:
    """Save the blocks of a page that are files."""
    for block in read_blocks(ROOT / page, "yaml"):
        if block.file_name and not (folder / block.file_name).exists():
            (folder / block.file_name).write_text(block.text)


def _read_page(page: str) -> list[Command]:
    commands = [command for block in read_blocks(ROOT / page, "console") for command in read_commands(block)]
    assert commands, f"{page} shows nothing to type in"
    return commands


def _build_environment(kubeconfig: Path, namespace: str, tools: str, home: Path) -> dict[str, str]:
    _write_kubeconfig(kubeconfig, namespace, home / "kubeconfig")
    return {"PATH": tools, "HOME": str(home), "KUBECONFIG": str(home / "kubeconfig"), "LANG": "C.UTF-8"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_as_it_says(page: str, space: Space, kubeconfig: Path, tools: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    if PAGES[page]:
        shutil.copytree(ROOT / PAGES[page], folder, dirs_exist_ok=True)
    _save_files(page, folder)
    commands = _read_page(page)

    printed = _type_in(commands, folder, _build_environment(kubeconfig, space.name, tools, tmp_path))

    for command, text in zip(commands, printed, strict=True):
        assert _matches(text, command.output), f"{page}: $ {command.text}\nprinted:\n{text}"


@pytest.fixture
def made_up(no_operator: None, admin: Api, kubeconfig: Path) -> Iterator[None]:
    """The chart as `make up` installs it; afterwards the release is what it was."""
    with keep_release(kubeconfig):
        subprocess.run([*LOCALCLUSTER, "install"], check=True)
        yield
    wait_no_operator(kubeconfig)
    admin.delete(f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/scriptrun-history")


def test_api_and_history_do_as_their_pages_say(
    made_up: None, make_space: Callable[[], Space], kubeconfig: Path, tools: str, tmp_path: Path
) -> None:
    space, folder = make_space(), tmp_path / "folder"
    folder.mkdir()
    (folder / "charts").symlink_to(ROOT / "charts")
    _save_files("README.md", folder)
    commands = [
        Command(command.text.replace("team-a", space.name), command.output.replace("team-a", space.name))
        for page in API_PAGES
        for command in _read_page(page)
    ]

    printed = _type_in(commands, folder, _build_environment(kubeconfig, space.name, tools, tmp_path))

    for command, text in zip(commands, printed, strict=True):
        assert _matches(text, command.output), f"$ {command.text}\nprinted:\n{text}"
