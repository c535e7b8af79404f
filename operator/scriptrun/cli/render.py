"""From scripts to the allow-list: ConfigMaps with the sources, and Scripts that pin them. Pure."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from scriptrun.cli.sources import ScriptFile, ScriptFolder, is_text
from scriptrun.desired.input import decide_handler
from scriptrun.errors import UsageError
from scriptrun.models.base import API_VERSION
from scriptrun.models.script import ScriptSpec
from scriptrun.policies.dependencies import find_dependency_fault
from scriptrun.policies.readiness import decide_readiness

__all__ = ["EVERY", "Naming", "Overrides", "build_manifests", "build_spec", "decide_name", "is_script"]

EVERY = "*"
"""Entry of ``scripts.yaml`` whose fields go for every file that does not say otherwise."""

_ENDINGS = (".py", ".sh", ".bash", ".js", ".mjs", ".cjs")
_OWN_FIELDS = ("name", "entryPoint")  # of scripts.yaml, none of a Script
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # RFC 1123 subdomain
_NAME_LIMIT = 63
_HASH_LENGTH = 8
_CHUNK_BYTES = 900_000  # of the 1 MiB that a ConfigMap may hold, with room for its keys and metadata


@dataclass(frozen=True, slots=True)
class Overrides:
    """``scripts.yaml``: fields of a Script's spec by name of file or folder.

    Besides, there is `name` for the Script's own name, and `entryPoint` for the file of a folder that is started.
    """

    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, file_name: str) -> dict[str, Any]:
        """Look up one file's fields, over those of every file."""
        return {**self.entries.get(EVERY, {}), **self.entries.get(file_name, {})}


def is_script(file: ScriptFile, overrides: Overrides) -> bool:
    """Whether a file is a script: by its ending, by its #! line, or because scripts.yaml says so."""
    return file.name.endswith(_ENDINGS) or file.content.startswith(b"#!") or file.name in overrides.entries


def decide_name(file_name: str, fields: Mapping[str, Any]) -> str:
    """Decide the name of a file's Script: the one given, else the file's, in the letters Kubernetes allows.

    Raises:
        UsageError: that is no name.
    """
    given = fields.get("name")
    name = str(given) if given else re.sub(r"[^a-z0-9.]+", "-", file_name.lower())
    name = name if given else re.sub(r"-*\.-*", ".", name).strip("-.")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{file_name}: {name!r} is no name for a Script: use a-z, 0-9, '-' and '.'")
    if len(name) > _NAME_LIMIT:
        raise UsageError(
            f"{file_name}: the Script's name has {len(name)} characters, at most {_NAME_LIMIT} are allowed"
        )
    return name


def build_spec(script: ScriptFile | ScriptFolder, fields: Mapping[str, Any], config_map: str) -> dict[str, Any]:
    """Build the spec of a Script: its source, pinned, its file's name as an alias, and the fields given.

    Values are of the fields' types, so that the API server takes them: `allowSecretEnv: yes` is true.

    Raises:
        UsageError: the file can't be a script, or a field is wrong.
    """
    name = script.name
    script.check()
    if "source" in fields:
        raise UsageError(f"{name}: source is decided by the file; leave it out of scripts.yaml")
    if "entryPoint" in fields and isinstance(script, ScriptFile):
        raise UsageError(f"{name}: entryPoint is for folders, and this is a file; leave it out of scripts.yaml")
    own = {key: value for key, value in fields.items() if key not in _OWN_FIELDS}
    if aliases := _build_aliases(script, fields):
        own["aliases"] = aliases
    spec = {**own, "source": script.build_source(config_map)}
    try:
        model = ScriptSpec.model_validate(spec)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UsageError(f"{name}: {'.'.join(str(part) for part in wrong['loc'])}: {wrong['msg']}") from error
    if unknown := _find_unknown(spec, model.model_dump(by_alias=True, exclude_unset=True)):
        raise UsageError(f'{name}: a Script has no field {unknown}: see "kubectl explain script.spec"')
    handler = decide_handler(script.file_name, model)
    if handler != "exec" and not is_text(script.content):
        raise UsageError(f"{name}: it is no text, so {handler} can't run it")
    wrong_schema, _ = decide_readiness(model, script.source)
    if wrong_schema:
        raise UsageError(f"{name}: {wrong_schema.message}")
    known = model.model_dump(by_alias=True, exclude_unset=True)
    return {key: _type(value, known[key]) for key, value in spec.items()}


def _type(given: Any, known: Any) -> Any:
    """Take the model's value where the given one is a scalar."""
    if isinstance(given, Mapping):
        return {key: _type(value, known[key]) for key, value in given.items()}
    if isinstance(given, list):
        return [_type(*pair) for pair in zip(given, known, strict=True)]
    return known


def _build_aliases(script: ScriptFile | ScriptFolder, fields: Mapping[str, Any]) -> Any:
    """List the names that a Script answers to besides its own: its file's, then those in scripts.yaml."""
    given = fields.get("aliases") or []
    if not isinstance(given, list):
        return given  # is refused below
    own = decide_name(script.name, fields)
    return list(dict.fromkeys([name for name in (*script.names, *given) if name != own]))


def _find_unknown(given: Any, known: Any, path: str = "") -> str:
    """Find a field that the model has dropped; "" when there is none."""
    if isinstance(given, Mapping) and isinstance(known, Mapping):
        for key, value in given.items():
            where = f"{path}.{key}".lstrip(".")
            if key not in known:
                return where
            if found := _find_unknown(value, known[key], where):
                return found
    if isinstance(given, list) and isinstance(known, list):
        for number, (left, right) in enumerate(zip(given, known, strict=False)):
            if found := _find_unknown(left, right, f"{path}[{number}]"):
                return found
    return ""


@dataclass(frozen=True, slots=True)
class Naming:
    """How the manifests are named.

    Attributes:
        config_map: the first ConfigMap; further ones, where one is too small, are numbered from 2.
        namespace: of everything; "" leaves it to whoever applies it.
        hashed: a hash of its content ends each ConfigMap's name.
    """

    config_map: str = "scripts"
    namespace: str = ""
    hashed: bool = False

    def name(self, ending: str, held: Mapping[str, bytes]) -> str:
        """Name a ConfigMap by what tells it from the others, and by what is in it."""
        name = f"{self.config_map}-{ending}" if ending else self.config_map
        if not self.hashed:
            return name
        digest = hashlib.sha256()
        for key, content in held.items():
            digest.update(f"{key}\0{len(content)}\0".encode() + content)
        return f"{name}-{digest.hexdigest()[:_HASH_LENGTH]}"


def build_manifests(
    scripts: Iterable[ScriptFile | ScriptFolder], overrides: Overrides, naming: Naming
) -> list[dict[str, Any]]:
    """Build the ConfigMaps and Scripts of a folder, the same for the same folder.

    Files share ConfigMaps; each folder has one of its own.

    Args:
        scripts: in it.
        overrides: its ``scripts.yaml``.
        naming: how to name them.

    Raises:
        UsageError: a file can't be a script, or two would have one name.
    """
    if not _NAME.fullmatch(naming.config_map):
        raise UsageError(f"--configmap {naming.config_map}: this is no name for a ConfigMap: use a-z, 0-9, '-' and '.'")
    ordered = sorted(scripts, key=lambda script: script.name)
    files = [script for script in ordered if isinstance(script, ScriptFile)]
    _check_keys(files)
    config_maps, placed = [], list[tuple[ScriptFile | ScriptFolder, str]]()
    for number, chunk in enumerate(_pack(files), start=1):
        held = {file.key: file.content for file in chunk}
        config_map = naming.name("" if number == 1 else str(number), held)
        config_maps.append(_build_config_map(config_map, held, naming.namespace))
        placed += [(file, config_map) for file in chunk]
    for folder in ordered:
        if isinstance(folder, ScriptFolder):
            folder.check()
            held = {key: folder.files[path] for path, key in folder.keys.items()}
            config_map = naming.name(decide_name(folder.name, overrides.of(folder.name)), held)
            config_maps.append(_build_config_map(config_map, held, naming.namespace))
            placed.append((folder, config_map))
    return config_maps + _build_scripts(placed, overrides, naming.namespace)


def _build_scripts(
    placed: Iterable[tuple[ScriptFile | ScriptFolder, str]], overrides: Overrides, namespace: str
) -> list[dict[str, Any]]:
    scripts, taken = [], dict[str, str]()
    for source, config_map in placed:
        fields = overrides.of(source.name)
        metadata = _build_metadata(decide_name(source.name, fields), namespace)
        spec = build_spec(source, fields, config_map)
        _check_lock(source, ScriptSpec.model_validate(spec))
        for name in {metadata["name"], *spec.get("aliases", ())}:
            if other := taken.get(name):
                raise UsageError(
                    f"{other} and {source.name} would both be Script {name}: give one another name or alias in "
                    "scripts.yaml"
                )
            taken[name] = source.name
        scripts.append({"apiVersion": API_VERSION, "kind": "Script", "metadata": metadata, "spec": spec})
    return sorted(scripts, key=lambda script: str(script["metadata"]["name"]))


def _check_lock(script: ScriptFile | ScriptFolder, spec: ScriptSpec) -> None:
    """Refuse what the operator would: whether the cluster has an index is not known here."""
    python = decide_handler(script.file_name, spec) == "python"
    if wrong := find_dependency_fault(spec, script.content, "unknown", python=python):
        raise UsageError(f"{script.name}: {wrong}")


def _check_keys(files: Iterable[ScriptFile]) -> None:
    taken: dict[str, str] = {}
    for file in files:
        if other := taken.get(file.key):
            raise UsageError(f"{other} and {file.name} would both be the key {file.key} of a ConfigMap: rename one")
        taken[file.key] = file.name


def _pack(files: list[ScriptFile]) -> list[list[ScriptFile]]:
    """Put files into as few lists as their order allows, each small enough for a ConfigMap."""
    chunks: list[list[ScriptFile]] = []
    room = 0
    for file in files:
        size = len(file.key) + len(file.content)
        if size > room:
            chunks.append([])
            room = _CHUNK_BYTES
        chunks[-1].append(file)
        room -= size
    return chunks


def _build_metadata(name: str, namespace: str) -> dict[str, Any]:
    return {"name": name, **({"namespace": namespace} if namespace else {})}


def _build_config_map(name: str, held: Mapping[str, bytes], namespace: str) -> dict[str, Any]:
    text = {key: content.decode() for key, content in held.items() if is_text(content)}
    binary = {key: base64.b64encode(content).decode() for key, content in held.items() if key not in text}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _build_metadata(name, namespace),
        **({"data": text} if text else {}),
        **({"binaryData": binary} if binary else {}),
    }
