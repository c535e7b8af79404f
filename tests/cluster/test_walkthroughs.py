"""The documentation, done as it says: every ``console`` block of these pages is typed in, and must print what it shows.

A ``yaml`` block whose first line is a comment with a file name is that file. Each page has a namespace and a folder of
its own. What differs from run to run (times, random names) may differ.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from clusterlab.space import Space
from docpages import ROOT, Command, read_blocks, read_commands

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

# Page, and the folder that it starts from.
PAGES = {
    "README.md": "",
    "docs/script.md": "",
    "docs/scriptrun.md": "",
    "docs/gitops.md": "examples/gitops",
    "docs/troubleshooting.md": "",
}
WAIT_SECONDS = 180
_MARK = "\x1e"
_VARYING = (
    (re.compile(r"^\S+: (Pending|Running)\n", re.MULTILINE), ""),  # what a terminal shows as one line that changes
    (re.compile(r"-0-[a-z0-9]{5}\b"), "-0-*"),  # pods
    (re.compile(r"\b([a-z-]+-(?:py|sh|js))-[a-z0-9]{5}\b"), r"\1-*"),  # runs that were given a name
    (re.compile(r"\b\d+(\.\d+)? ?m?s\b|\b\d+m\d+s\b"), "N s"),
    (re.compile(r"\b\d+\.\d+\b"), "N"),
    (re.compile(r"\s+"), " "),
)


def _normalise(text: str) -> str:
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return text.strip()


def _write_kubeconfig(kubeconfig: Path, namespace: str, path: Path) -> None:
    document = yaml.safe_load(kubeconfig.read_text())
    for context in document["contexts"]:
        context["context"]["namespace"] = namespace
    path.touch(0o600)
    path.write_text(yaml.safe_dump(document))


def _type_in(commands: list[Command], folder: Path, environment: dict[str, str]) -> list[str]:
    """Run commands one after the other in one shell; returns what each printed."""
    script = folder.parent / "commands.sh"
    script.write_text("".join(f"printf '{_MARK}'\n{command.text}\n" for command in commands))
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
    """PATH with kubectl and scriptrun on it."""
    command = [sys.executable, str(ROOT / "tests" / "localcluster"), "tool", "kubectl"]
    kubectl = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return os.pathsep.join([str(Path(kubectl).parent), str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_as_it_says(page: str, space: Space, kubeconfig: Path, tools: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    if PAGES[page]:
        shutil.copytree(ROOT / PAGES[page], folder, dirs_exist_ok=True)
    for block in read_blocks(ROOT / page, "yaml"):
        if block.file_name and not (folder / block.file_name).exists():
            (folder / block.file_name).write_text(block.text)
    _write_kubeconfig(kubeconfig, space.name, tmp_path / "kubeconfig")
    environment = {
        "PATH": tools,
        "HOME": str(tmp_path),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "LANG": "C.UTF-8",
    }
    commands = [command for block in read_blocks(ROOT / page, "console") for command in read_commands(block)]
    assert commands, f"{page} shows nothing to type in"

    printed = _type_in(commands, folder, environment)

    for command, text in zip(commands, printed, strict=True):
        assert _normalise(text) == _normalise(command.output), f"{page}: $ {command.text}\nprinted:\n{text}"
