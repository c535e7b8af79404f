"""The map in docs/development.md shows the tree as it is, and the fences in pyproject.toml go all the way round."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "operator" / "scriptrun"
ROOMS = sorted(folder.parent.name for folder in PACKAGE.glob("*/__init__.py"))
FILES = sorted(file.name for file in PACKAGE.glob("*.py") if not file.stem.startswith("__"))
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
# In these contracts the rooms that are left out may do what the others may not.
ONLY = [contract for contract in CONTRACTS if contract.get("allow_indirect_imports") and "pure" not in contract["name"]]


def read_map() -> str:
    text = (ROOT / "docs" / "development.md").read_text()
    return re.search(r"^operator/scriptrun/ .*?(?=^\S*/ )", text.partition("\n## Rooms")[2], re.M | re.S)[0]  # type: ignore[index]


def test_every_room_is_on_the_map_and_every_room_on_the_map_is_there() -> None:
    assert sorted(re.findall(r"^  (\w+)/ ", read_map(), re.M)) == ROOMS


def test_every_file_beside_the_rooms_is_on_the_map() -> None:
    assert sorted(re.findall(r"(\w+\.py)", read_map())) == FILES


def test_the_map_has_the_order_of_the_layers() -> None:
    """From what imports nothing to what imports all; those on one layer in any order."""
    layers = next(contract for contract in CONTRACTS if contract["type"] == "layers")["layers"]
    height = {room: number for number, line in enumerate(reversed(layers)) for room in line.split(" | ")}
    heights = [height[room] for room in re.findall(r"^  (\w+)/ ", read_map(), re.M)]
    assert heights == sorted(heights)


@pytest.mark.parametrize("contract", ONLY, ids=lambda contract: contract["name"])
def test_whoever_is_not_named_must_not(contract: dict[str, Any]) -> None:
    """A library's contract names the rooms that must not import it: with a new room it would have a hole."""
    forbidden = {module.removeprefix("scriptrun.") for module in contract["source_modules"]}
    modules = set(ROOMS) | {Path(file).stem for file in FILES}
    importers = {module for module in modules if _imports(module, contract["forbidden_modules"])}
    assert modules - forbidden == importers


def _imports(module: str, libraries: list[str]) -> bool:
    files = (PACKAGE / module).rglob("*.py") if module in ROOMS else [PACKAGE / f"{module}.py"]
    found = re.compile(rf"^\s*(from|import) ({'|'.join(libraries)})\b", re.M)
    return any(found.search(file.read_text()) for file in files)
