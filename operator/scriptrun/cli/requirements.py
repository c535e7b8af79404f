"""What a Python script asks for: in its PEP 723 block and, in a folder, in requirements.txt and pyproject.toml."""

import tomllib

from scriptrun.cli.sources import ScriptFile, ScriptFolder
from scriptrun.policies.dependencies import RequirementError, parse_block

__all__ = ["read_requirements"]


def read_requirements(script: ScriptFile | ScriptFolder) -> list[str]:
    """Read what a script asks for, in the order of these places.

    Raises:
        RequirementError: one of them can't be understood.
    """
    found = parse_block(script.content)
    if isinstance(script, ScriptFolder):
        found += _read_requirements_txt(script.files.get("requirements.txt", b""))
        found += _read_pyproject(script.files.get("pyproject.toml", b""))
    return found


def _read_requirements_txt(content: bytes) -> list[str]:
    found = []
    text = content.decode("utf-8", "replace").replace("\\\r\n", " ").replace("\\\n", " ")
    for line in text.splitlines():
        requirement = line.partition(" #")[0].partition(" --hash=")[0].strip()
        if requirement.startswith("-"):
            raise RequirementError(f"requirements.txt: {requirement!r} is an option: only requirements are understood")
        if requirement and not requirement.startswith("#"):
            found.append(requirement)
    return found


def _read_pyproject(content: bytes) -> list[str]:
    try:
        project = tomllib.loads(content.decode()).get("project", {})
    except (ValueError, RecursionError) as error:
        raise RequirementError(f"pyproject.toml: {error}") from error
    found = project.get("dependencies", []) if isinstance(project, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise RequirementError("pyproject.toml: project.dependencies must be a list of strings")
    return found
