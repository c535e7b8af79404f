"""Reads what a run executes: the script's source and the variables, from ConfigMaps as they are at this moment."""

import asyncio
import base64
from dataclasses import replace
from typing import Any

from scriptrun.controller.observe import observe_run
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS, SCRIPTRUNS
from scriptrun.models.facts import RunFacts
from scriptrun.models.reasons import Reason
from scriptrun.models.script import ScriptSpec
from scriptrun.models.source import FolderFiles, RunSource
from scriptrun.policies.acceptance import Inputs, check_digest, measure_stored, merge_variables
from scriptrun.policies.documents import parse_document
from scriptrun.policies.neighbours import choose_neighbours
from scriptrun.policies.source import FolderError, Missing, Source, assemble_folder
from scriptrun.policies.verdict import Verdict

__all__ = ["observe_inputs", "observe_source", "observe_whole"]


async def observe_whole(client: Client, run: RunFacts) -> RunFacts | None:
    """Observe all of a run of which not all was kept; None when it is gone, or another has its name."""
    if not run.slim:
        return run
    listed = await client.list(SCRIPTRUNS, run.key[0], fieldSelector=f"metadata.name={run.key[1]}")
    for item in listed.get("items") or ():
        if item["metadata"]["uid"] == run.uid:
            return replace(observe_run(item, whole=True), stored_bytes=measure_stored(item))
    return None


async def _get(client: Client, namespace: str, name: str) -> dict[str, Any] | Missing:
    try:
        return await client.get(CONFIGMAPS, namespace, name)
    except NotFound:
        return Missing(f'ConfigMap "{name}"')


def _read_key(config_map: dict[str, Any], name: str, key: str) -> bytes | Missing:
    if key in (config_map.get("data") or {}):
        return str(config_map["data"][key]).encode()
    if key in (config_map.get("binaryData") or {}):
        return base64.b64decode(config_map["binaryData"][key])
    return Missing(f'key "{key}" in ConfigMap "{name}"')


async def observe_source(
    client: Client, namespace: str, script: ScriptSpec, run: RunFacts | None = None
) -> Source | Missing | Verdict | None:
    """Read a Script's source; None for a program that is in the image, or one that each run brings along.

    Args:
        client: to read with.
        namespace: of the Script.
        script: its spec.
        run: whose source to read: with what its file names beside it, and of a ``fromRun`` Script its own.
    """
    source = script.source
    if source is None:
        return None
    if source.inline is not None:
        return Source(source.inline.encode())
    own = RunSource.model_validate(run.spec["source"]) if run is not None and run.spec.get("source") else None
    place = own if source.from_run else source
    if place is None:
        return None
    if place.folder is not None:
        return await _observe_folder(client, namespace, place.folder)
    if place.config_map is None:
        return None
    name, key = place.config_map.name, place.config_map.key
    config_map = await _get(client, namespace, name)
    if isinstance(config_map, Missing):
        return config_map
    content = _read_key(config_map, name, key)
    # A pin promises that no other code is executed than what was reviewed.
    if isinstance(content, Missing) or run is None or (source.config_map and source.config_map.sha256):
        return content if isinstance(content, Missing) else Source(content)
    return Source(content, _read_neighbours(config_map, key, content))


async def _observe_folder(client: Client, namespace: str, folder: FolderFiles) -> Source | Missing | Verdict:
    found = await asyncio.gather(*(_get(client, namespace, item.name) for item in folder.config_maps))
    held = []
    for item, config_map in zip(folder.config_maps, found, strict=True):
        if isinstance(config_map, Missing):
            return config_map
        held.append((item, _read_all(config_map)))
    try:
        return assemble_folder(folder, held)
    except FolderError as error:
        return Verdict(Reason.SCRIPT_NOT_ALLOWED, str(error))


def _read_all(config_map: dict[str, Any]) -> dict[str, bytes]:
    text = {key: str(value).encode() for key, value in (config_map.get("data") or {}).items()}
    return text | {key: base64.b64decode(value) for key, value in (config_map.get("binaryData") or {}).items()}


def _read_neighbours(config_map: dict[str, Any], key: str, source: bytes) -> dict[str, bytes]:
    text, binary = config_map.get("data") or {}, config_map.get("binaryData") or {}

    def read(name: str) -> bytes:
        return str(text[name]).encode() if name in text else base64.b64decode(binary[name])

    return choose_neighbours(key, source, {*text, *binary}, read)


async def _observe_variables(
    client: Client, namespace: str, source: dict[str, Any]
) -> dict[str, Any] | Missing | Verdict:
    reference = source["configMap"]
    name, key = reference["name"], reference.get("key")
    config_map = await _get(client, namespace, name)
    if isinstance(config_map, Missing):
        return config_map
    if key is None:
        return dict(config_map.get("data") or {})
    raw = _read_key(config_map, name, key)
    if isinstance(raw, Missing):
        return raw
    where = f'key "{key}" of ConfigMap "{name}" (spec.variablesFrom)'
    try:
        document = parse_document(raw)
    except ValueError as error:
        return Verdict(Reason.INVALID_VARIABLES, f"{where} is not JSON: {error}")
    if not isinstance(document, dict):
        return Verdict(Reason.INVALID_VARIABLES, f"{where} must hold a JSON object, not {type(document).__name__}")
    return document


async def observe_inputs(client: Client, run: RunFacts, script: ScriptSpec) -> Inputs | Missing | Verdict:
    """Read source and variables of a run, and check the source against its pin."""
    namespace = run.key[0]
    source, *parts = await asyncio.gather(
        observe_source(client, namespace, script, run),
        *(_observe_variables(client, namespace, item) for item in run.spec.get("variablesFrom") or ()),
    )
    if isinstance(source, (Missing, Verdict)):
        return source
    if source is not None and (wrong := check_digest(source, script)):
        return wrong
    for part in parts:
        if isinstance(part, (Missing, Verdict)):
            return part
    variables = merge_variables([part for part in parts if isinstance(part, dict)], run.spec.get("variables") or {})
    return Inputs(source, variables)
