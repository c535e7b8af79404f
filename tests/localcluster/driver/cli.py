"""The command line."""

import argparse
import sys
from collections.abc import Sequence

from . import lifecycle
from .errors import LocalClusterError
from .gobuild import PROGRAMS, ensure_program
from .progress import say
from .settings import Settings, read_settings


def main(argv: Sequence[str]) -> int:
    """Runs one command; returns the exit code."""
    arguments = _build_parser().parse_args(argv)
    settings = read_settings()
    try:
        with lifecycle.locked(settings):
            code: int = arguments.run(settings, arguments)
            return code
    except LocalClusterError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 tests/localcluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("up", _up, "bring the cluster up; prints the path of its kubeconfig")
    add("down", _down, "stop the cluster and remove every trace of it")
    add("status", _status, "say what runs; exit code 0 when the cluster is up")
    add("kubeconfig", _kubeconfig, "print the path of the kubeconfig")
    tool = add("tool", _tool, "print the path of a tool, built on first use")
    tool.add_argument("name", choices=sorted(PROGRAMS))
    return parser


def _up(settings: Settings, _: argparse.Namespace) -> int:
    lifecycle.up(settings)
    print(settings.kubeconfig)
    return 0


def _down(settings: Settings, _: argparse.Namespace) -> int:
    lifecycle.down(settings)
    return 0


def _status(settings: Settings, _: argparse.Namespace) -> int:
    status = lifecycle.observe(settings)
    print(f"components: {', '.join(status.running) or 'none'}\nserving: {status.serving}\ncurrent: {status.current}")
    return 0 if status.up else 1


def _kubeconfig(settings: Settings, _: argparse.Namespace) -> int:
    print(settings.kubeconfig)
    return 0


def _tool(settings: Settings, arguments: argparse.Namespace) -> int:
    print(ensure_program(settings, PROGRAMS[arguments.name]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
