"""The command line."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from . import demo, lifecycle, release
from .clusters import choose_cluster
from .errors import LocalClusterError
from .gobuild import PROGRAMS, ensure_program
from .images import IMAGES
from .progress import say
from .settings import Settings, read_settings
from .venv import ensure_venv

Command = Callable[[Settings, argparse.Namespace], int]


def main(argv: Sequence[str]) -> int:
    """Runs one command; returns the exit code."""
    arguments = _build_parser().parse_args(argv)
    settings = read_settings()
    run: Command = arguments.run
    try:
        if run in READ_ONLY:
            return run(settings, arguments)
        with lifecycle.own_cluster(settings):
            return run(settings, arguments)
    except LocalClusterError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 tests/localcluster",
        description="The cluster the tests and the demo run on: SCRIPTRUN_KUBECONFIG where given, "
        "kind where a Docker engine answers, else a local one.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("up", _up, "bring the cluster up; prints the path of its kubeconfig")
    add("down", _down, "stop the cluster and remove every trace of it")
    add("status", _status, "print up or down; exit code 0 when up")
    add("kubeconfig", _kubeconfig, "print the path of the kubeconfig")
    build = add("build-images", _build_images, "build and load the images; prints their exact names as JSON")
    build.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(IMAGES)}")
    load = add("load-image", _load_image, "load a test's image: built from a folder, or an archive")
    load.add_argument("name", help="image name with tag")
    load.add_argument("source", type=Path, help="folder (laid over the runner image, or with a Dockerfile), or archive")
    install = add("install", _install, "install or upgrade the chart, and wait until the operator is ready")
    install.add_argument("--bridge", action="store_true", help="with the bridge to orchestrators")
    install.add_argument("--api", action="store_true", help="with the REST API and the history")
    add("demo", _demo, "apply the examples and show three runs to their end")
    add("venv", _venv, "make or update the project's virtualenv")
    tool = add("tool", _tool, "print the path of a tool, built on first use")
    tool.add_argument("name", choices=["kubectl", *sorted(PROGRAMS)])
    return parser


def _up(settings: Settings, _: argparse.Namespace) -> int:
    cluster = choose_cluster(settings)
    cluster.up()
    print(cluster.kubeconfig)
    return 0


def _down(settings: Settings, _: argparse.Namespace) -> int:
    choose_cluster(settings).down()
    return 0


def _status(settings: Settings, _: argparse.Namespace) -> int:
    up = choose_cluster(settings).is_up()
    print("up" if up else "down")
    return 0 if up else 1


def _kubeconfig(settings: Settings, _: argparse.Namespace) -> int:
    print(choose_cluster(settings).kubeconfig)
    return 0


def _build_images(settings: Settings, arguments: argparse.Namespace) -> int:
    wanted: list[str] = arguments.names or list(IMAGES)
    if unknown := set(wanted) - set(IMAGES):
        raise LocalClusterError(f"No such image: {', '.join(sorted(unknown))}. There are: {', '.join(IMAGES)}.")
    images = [IMAGES[name] for name in wanted]
    print(json.dumps(release.ensure_images(settings, choose_cluster(settings), images)))
    return 0


def _load_image(settings: Settings, arguments: argparse.Namespace) -> int:
    release.load_image(settings, choose_cluster(settings), arguments.name, arguments.source.resolve())
    return 0


def _install(settings: Settings, arguments: argparse.Namespace) -> int:
    release.install(settings, choose_cluster(settings), bridge=arguments.bridge, api=arguments.api)
    return 0


def _demo(settings: Settings, _: argparse.Namespace) -> int:
    demo.show(choose_cluster(settings))
    return 0


def _venv(settings: Settings, _: argparse.Namespace) -> int:
    ensure_venv(settings)
    return 0


def _tool(settings: Settings, arguments: argparse.Namespace) -> int:
    name: str = arguments.name
    if name == "kubectl":
        print(choose_cluster(settings).kubectl())
    else:
        print(ensure_program(settings, PROGRAMS[name]))
    return 0


# These leave the cluster itself as it is, so they wait for nobody.
READ_ONLY = (_status, _kubeconfig, _demo)
