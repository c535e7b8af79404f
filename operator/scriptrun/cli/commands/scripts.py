"""Commands about Scripts, the allow-list: `scripts list`, `scripts describe` and `scripts render`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from scriptrun.cli.completion import complete_scripts
from scriptrun.cli.options import AllNamespaces, Context, Kubeconfig, ListOutput, Namespace, Target

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    group = typer.Typer(no_args_is_help=True, help="See and write the allow-list of Scripts.")
    group.command("list")(list_scripts)
    group.command("describe")(describe)
    group.command("render")(render)
    app.add_typer(group, name="scripts")


def list_scripts(
    all_namespaces: AllNamespaces = False,
    output: ListOutput = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """List Scripts."""
    from scriptrun.cli.listing import Listing, print_list
    from scriptrun.kube.resources import SCRIPTS

    listing = Listing(SCRIPTS, all_namespaces=all_namespaces, output=output)
    print_list(listing, Target(namespace, context, kubeconfig))


def describe(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name or alias of a Script.", autocompletion=complete_scripts)
    ],
    runs: Annotated[int, typer.Option(metavar="COUNT", min=0, help="Show so many of its last runs.")] = 10,
    output: Annotated[
        Literal["json", "yaml"] | None, typer.Option("--output", "-o", help="Print json or yaml.")
    ] = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show one Script: its source, handler and limits, whether it is ready, its schemas and its last runs.

    With -o json or yaml: an object with `script`, the Script itself, and `runs`, its last runs, newest first.
    """
    from scriptrun.cli.script_inspection import show_script

    show_script(name, runs, output, Target(namespace, context, kubeconfig))


def render(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of script files.", exists=True, file_okay=False)
    ],
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", metavar="NAME", help="Namespace to write into the manifests.")
    ] = "",
    configmap: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the ConfigMap; further ones get -2, -3 and so on.")
    ] = "scripts",
    hash_: Annotated[
        bool,
        typer.Option(
            "--hash",
            help="Put a hash of the sources into the ConfigMaps' names: each change then makes new ones, and no Script "
            "meets a source it does not pin.",
        ),
    ] = False,
    fix_line_endings: Annotated[
        bool, typer.Option("--fix-line-endings", help="Replace CR LF with LF in shell scripts and #! lines.")
    ] = False,
    upgrade: Annotated[
        bool,
        typer.Option("--upgrade", help="Lock the newest versions of the scripts' libraries, not those locked before."),
    ] = False,
    index_url: Annotated[
        str, typer.Option(metavar="URL", help="Package index to lock libraries from. Default: uv's own setting.")
    ] = "",
    output: Annotated[Literal["yaml", "json"], typer.Option("--output", "-o", help="Print yaml or json.")] = "yaml",
) -> None:
    """Print the allow-list for a folder of scripts: ConfigMaps, and Scripts that pin their sources.

    A script is a file, or a folder with a main.py, __main__.py, index.js or main.sh in it.

    Put it under version control, or: scriptrun scripts render DIR | kubectl apply --server-side -f -

    A file `scripts.yaml` in the folder may give fields of a Script's spec by name of file or folder; "*" stands for
    all, and `entryPoint` names the file of a folder that is started.

    Libraries that a script asks for (a PEP 723 block, requirements.txt or pyproject.toml in its folder, `scripts.yaml`)
    are locked into a file beside it, such as report.py.lock.txt.
    """
    from scriptrun.cli.folder import read_folder
    from scriptrun.cli.locking import Locker, lock_scripts
    from scriptrun.cli.output.printing import dump_json, dump_yaml, emit, note
    from scriptrun.cli.pitfalls import find_pitfalls, with_fixed_lines
    from scriptrun.cli.render import Naming, build_manifests
    from scriptrun.errors import UsageError

    scripts, overrides, left_out = read_folder(folder)
    for text in left_out:
        note(f"left out: {text}")
    if not scripts:
        raise UsageError(f"{folder}: no scripts in it")
    if fix_line_endings:
        scripts = [with_fixed_lines(script) for script in scripts]
    for script in scripts:
        for text in find_pitfalls(script):
            note(f"warning: {text}")
    overrides = lock_scripts(scripts, overrides, Locker(folder, upgrade, index_url, note))
    manifests = build_manifests(scripts, overrides, Naming(configmap, namespace, hashed=hash_))
    if output == "json":
        emit(dump_json({"apiVersion": "v1", "kind": "List", "items": manifests}))
    else:
        emit(dump_yaml(*manifests))
