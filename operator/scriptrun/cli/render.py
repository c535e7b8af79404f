"""From a folder of script files to the allow-list: ConfigMaps with the sources, and Scripts that pin them. Pure."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from scriptrun.desired.input import decide_handler
from scriptrun.errors import UsageError
from scriptrun.models.base import API_VERSION
from scriptrun.models.script import SOURCE_LIMIT_BYTES, ScriptSpec
from scriptrun.policies.readiness import decide_readiness

__all__ = ["EVERY", "Naming", "Overrides", "ScriptFile", "build_manifests", "build_spec", "decide_name", "is_script"]

EVERY = "*"
"""Entry of ``scripts.yaml`` whose fields go for every file that does not say otherwise."""

_ENDINGS = (".py", ".sh", ".bash", ".js", ".mjs", ".cjs")
_NOT_IN_KEYS, _KEY_LIMIT = re.compile(r"[^-._a-zA-Z0-9]+"), 253
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # RFC 1123 subdomain
_NAME_LIMIT = 63
_HASH_LENGTH = 8
_CHUNK_BYTES = 900_000  # of the 1 MiB that a ConfigMap may hold, with room for its keys and metadata


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A file of the folder."""

    name: str
    source: bytes

    @property
    def key(self) -> str:
        """Its key in a ConfigMap: its name, with hyphens for what Kubernetes does not allow in keys."""
        return _NOT_IN_KEYS.sub("-", self.name)[-_KEY_LIMIT:]


@dataclass(frozen=True, slots=True)
class Overrides:
    """``scripts.yaml``: fields of a Script's spec by file name, besides `name` for the Script's own name."""

    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, file_name: str) -> dict[str, Any]:
        """Look up one file's fields, over those of every file."""
        return {**self.entries.get(EVERY, {}), **self.entries.get(file_name, {})}


def is_script(file: ScriptFile, overrides: Overrides) -> bool:
    """Whether a file is a script: by its ending, by its #! line, or because scripts.yaml says so."""
    return file.name.endswith(_ENDINGS) or file.source.startswith(b"#!") or file.name in overrides.entries


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


def build_spec(file: ScriptFile, fields: Mapping[str, Any], config_map: str) -> dict[str, Any]:
    """Build the spec of a file's Script: its source, pinned, its file's name as an alias, and the fields given.

    Values are of the fields' types, so that the API server takes them: `allowSecretEnv: yes` is true.

    Raises:
        UsageError: the file can't be a script, or a field is wrong.
    """
    file_name, source = file.name, file.source
    _check_source(file_name, source)
    if "source" in fields:
        raise UsageError(f"{file_name}: source is decided by the file; leave it out of scripts.yaml")
    own = {key: value for key, value in fields.items() if key != "name"}
    if aliases := _build_aliases(file_name, fields):
        own["aliases"] = aliases
    pin = {"name": config_map, "key": file.key, "sha256": hashlib.sha256(source).hexdigest()}
    spec = {**own, "source": {"configMap": pin}}
    try:
        model = ScriptSpec.model_validate(spec)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UsageError(f"{file_name}: {'.'.join(str(part) for part in wrong['loc'])}: {wrong['msg']}") from error
    if unknown := _find_unknown(spec, model.model_dump(by_alias=True, exclude_unset=True)):
        raise UsageError(f'{file_name}: a Script has no field {unknown}: see "kubectl explain script.spec"')
    if decide_handler(file.key, model) != "exec" and not _is_text(source):
        raise UsageError(f"{file_name}: it is no text, so {decide_handler(file.key, model)} can't run it")
    wrong_schema, _ = decide_readiness(model, source)
    if wrong_schema:
        raise UsageError(f"{file_name}: {wrong_schema.message}")
    known = model.model_dump(by_alias=True, exclude_unset=True)
    return {key: _type(value, known[key]) for key, value in spec.items()}


def _type(given: Any, known: Any) -> Any:
    """Take the model's value where the given one is a scalar."""
    if isinstance(given, Mapping):
        return {key: _type(value, known[key]) for key, value in given.items()}
    if isinstance(given, list):
        return [_type(*pair) for pair in zip(given, known, strict=True)]
    return known


def _build_aliases(file_name: str, fields: Mapping[str, Any]) -> Any:
    """List the names that a Script answers to besides its own: its file's, then those in scripts.yaml."""
    given = fields.get("aliases") or []
    if not isinstance(given, list):
        return given  # is refused below
    named = [] if file_name == decide_name(file_name, fields) else [file_name]
    return list(dict.fromkeys([*named, *given]))


def _check_source(file_name: str, source: bytes) -> None:
    if not source:
        raise UsageError(f"{file_name}: it is empty")
    if len(source) > SOURCE_LIMIT_BYTES:
        raise UsageError(
            f"{file_name} has {len(source):,} bytes, a ConfigMap takes {SOURCE_LIMIT_BYTES:,}: put the program into an "
            "image made FROM the runner image, and write a Script with image and command"
        )


def _is_text(source: bytes) -> bool:
    try:
        return "\0" not in source.decode()
    except UnicodeDecodeError:
        return False


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

    def name(self, number: int, files: Iterable[ScriptFile]) -> str:
        """Name a ConfigMap by its place, from 1, and what is in it."""
        name = self.config_map if number == 1 else f"{self.config_map}-{number}"
        if not self.hashed:
            return name
        digest = hashlib.sha256()
        for file in files:
            digest.update(f"{file.key}\0{len(file.source)}\0".encode() + file.source)
        return f"{name}-{digest.hexdigest()[:_HASH_LENGTH]}"


def build_manifests(files: Iterable[ScriptFile], overrides: Overrides, naming: Naming) -> list[dict[str, Any]]:
    """Build the ConfigMaps and Scripts of a folder, the same for the same folder.

    Args:
        files: the scripts in it.
        overrides: its ``scripts.yaml``.
        naming: how to name them.

    Raises:
        UsageError: a file can't be a script, or two would have one name.
    """
    if not _NAME.fullmatch(naming.config_map):
        raise UsageError(f"--configmap {naming.config_map}: this is no name for a ConfigMap: use a-z, 0-9, '-' and '.'")
    files = sorted(files, key=lambda file: file.name)
    _check_keys(files)
    config_maps, scripts, taken = [], [], dict[str, str]()
    for number, chunk in enumerate(_pack(files), start=1):
        config_map = naming.name(number, chunk)
        config_maps.append(_build_config_map(config_map, chunk, naming.namespace))
        for file in chunk:
            script = _build_script(file, overrides, config_map, naming.namespace)
            for name in {script["metadata"]["name"], *script["spec"].get("aliases", ())}:
                if other := taken.get(name):
                    raise UsageError(
                        f"{other} and {file.name} would both be Script {name}: give one another name or alias in "
                        "scripts.yaml"
                    )
                taken[name] = file.name
            scripts.append(script)
    return config_maps + sorted(scripts, key=lambda script: str(script["metadata"]["name"]))


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
        size = len(file.key) + len(file.source)
        if size > room:
            chunks.append([])
            room = _CHUNK_BYTES
        chunks[-1].append(file)
        room -= size
    return chunks


def _build_metadata(name: str, namespace: str) -> dict[str, Any]:
    return {"name": name, **({"namespace": namespace} if namespace else {})}


def _build_config_map(name: str, files: list[ScriptFile], namespace: str) -> dict[str, Any]:
    text = {file.key: file.source.decode() for file in files if _is_text(file.source)}
    binary = {file.key: base64.b64encode(file.source).decode() for file in files if not _is_text(file.source)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _build_metadata(name, namespace),
        **({"data": text} if text else {}),
        **({"binaryData": binary} if binary else {}),
    }


def _build_script(file: ScriptFile, overrides: Overrides, config_map: str, namespace: str) -> dict[str, Any]:
    fields = overrides.of(file.name)
    return {
        "apiVersion": API_VERSION,
        "kind": "Script",
        "metadata": _build_metadata(decide_name(file.name, fields), namespace),
        "spec": build_spec(file, fields, config_map),
    }
