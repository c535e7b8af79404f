"""`run.json`: what the operator asks of the runner."""

from __future__ import annotations

from scriptrun_runner.lean import parse_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

__all__ = ["RunSpec", "SpecError", "Task"]

_HANDLERS = ("python", "shell", "node", "exec")
_CONTRACTS = ("files", "stdio", "stream", "package")
_TRANSPORTS = ("ConfigMap", "TerminationMessage")


class SpecError(ValueError):
    """`run.json` is not what this runner understands."""


class Task:
    """Identity of the orchestrator's task; all fields may be empty."""

    __slots__ = ("domain", "id", "type", "workflow_id")

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.type = str(document.get("type") or "")
        self.id = str(document.get("id") or "")
        self.workflow_id = str(document.get("workflowId") or "")
        self.domain = str(document.get("domain") or "")


class RunSpec:
    """One attempt, as `run.json` describes it.

    Attributes:
        namespace: of the run.
        name: of the run.
        uid: of the run.
        script: name of the Script.
        file_name: the name the source gets in the script's folder; of a folder its path in there.
        neighbours: names that the input's files `neighbour.0`, `neighbour.1`… get there; of a folder their paths.
        folder: whether the script is one of the files of a folder, which is its working folder.
        handler: python, shell, node or exec.
        command: for `exec`: argv, with `{script}` for the source's path; empty: the source itself.
        contract: files, stdio, stream or package.
        dependencies: of a script with libraries: `lockSha256`, `pythonVersion` and `startSeconds`; None: it has none.
        attempt_deadline_seconds: None: no deadline.
        output_limit_bytes: most the output may have, as JSON.
        output_transport: ConfigMap or TerminationMessage.
        grace_period_seconds: from SIGTERM to the kubelet's SIGKILL.
        task: the orchestrator's task.
    """

    __slots__ = (
        "attempt_deadline_seconds",
        "command",
        "contract",
        "dependencies",
        "file_name",
        "folder",
        "grace_period_seconds",
        "handler",
        "name",
        "namespace",
        "neighbours",
        "output_limit_bytes",
        "output_transport",
        "script",
        "task",
        "uid",
    )

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Take the fields out of the parsed `run.json`.

        Raises:
            SpecError: names the field and what it may be.
        """
        if document.get("schema") != 1:
            raise SpecError(f"schema is {document.get('schema')!r}, this runner knows 1: use the operator's own image")
        self.namespace = str(document.get("namespace") or "")
        self.name = str(document.get("name") or "")
        self.uid = str(document.get("uid") or "")
        self.script = str(document.get("script") or "")
        self.folder = bool(document.get("folder"))
        check = _check_path if self.folder else _check_file_name
        self.file_name = check(str(document.get("fileName") or "script"))
        self.neighbours = [check(str(name)) for name in document.get("neighbours") or ()]
        self.handler = _choose(document, "handler", _HANDLERS)
        self.command = [str(word) for word in document.get("command") or ()]
        self.contract = _choose(document, "contract", _CONTRACTS)
        dependencies = document.get("dependencies")
        self.dependencies = dependencies if isinstance(dependencies, dict) else None
        deadline = document.get("attemptDeadlineSeconds")
        self.attempt_deadline_seconds = None if deadline is None else float(deadline)
        self.output_limit_bytes = int(document.get("outputLimitBytes") or 900_000)
        self.output_transport = _choose(document, "outputTransport", _TRANSPORTS)
        grace = document.get("gracePeriodSeconds")
        self.grace_period_seconds = 30.0 if grace is None else float(grace)
        self.task = Task(document.get("task") or {})

    @classmethod
    def load(cls, path: str) -> RunSpec:
        """Read `run.json`.

        Raises:
            OSError: it can't be read.
            SpecError: it is no JSON object, or a field is wrong.
        """
        with open(path, encoding="utf-8") as file:
            text = file.read()
        try:
            document = parse_json(text)
        except ValueError as error:
            raise SpecError(f"not JSON: {error}") from error
        if not isinstance(document, dict):
            raise SpecError("not a JSON object")
        return cls(document)


def _choose(document: Mapping[str, Any], field: str, choices: tuple[str, ...]) -> str:
    value = document.get(field) or choices[0]
    if value not in choices:
        raise SpecError(f"{field} is {value!r}, it may be {', '.join(choices)}")
    return str(value)


def _check_path(path: str) -> str:
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise SpecError(f"fileName is {path!r}, it must be a path within the folder")
    return path


def _check_file_name(name: str) -> str:
    if "/" in name or "\0" in name or name in (".", ".."):
        raise SpecError(f"fileName is {name!r}, it must be a plain file name")
    return name
