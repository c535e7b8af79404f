"""A folder of script files becomes the allow-list: complete, pinned, and the same each time."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.cli.folder import read_folder, read_overrides
from scriptrun.cli.output.printing import dump_yaml
from scriptrun.cli.render import Naming, Overrides, build_manifests, decide_name
from scriptrun.cli.sources import ScriptFile
from scriptrun.errors import UsageError
from scriptrun.models import Script

FILE_NAMES = st.from_regex(r"[a-z0-9][a-z0-9_]{0,12}(\.py|\.sh|)", fullmatch=True)
SOURCES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).map(str.encode) | st.binary(min_size=1)


def _render(
    files: dict[str, bytes | str], overrides: dict[str, Any] | None = None, **naming: Any
) -> list[dict[str, Any]]:
    scripts = [ScriptFile(name, text.encode() if isinstance(text, str) else text) for name, text in files.items()]
    return build_manifests(scripts, Overrides(overrides or {}), Naming(**naming))


def _read_sources(manifests: list[dict[str, Any]]) -> dict[tuple[str, str], bytes]:
    sources = {}
    for item in manifests:
        for key, text in item.get("data", {}).items():
            sources[item["metadata"]["name"], key] = text.encode()
        for key, text in item.get("binaryData", {}).items():
            sources[item["metadata"]["name"], key] = base64.b64decode(text)
    return sources


@given(st.dictionaries(FILE_NAMES, SOURCES, min_size=1, max_size=6))
def test_every_file_is_there_byte_for_byte_and_pinned(files: dict[str, bytes]) -> None:
    overrides = {name: {"handler": "exec", "name": f"s-{number}"} for number, name in enumerate(files)}
    manifests = list(yaml.safe_load_all(dump_yaml(*_render(files, overrides))))
    sources = _read_sources(manifests)
    scripts = [item for item in manifests if item["kind"] == "Script"]
    pins = [script["spec"]["source"]["configMap"] for script in scripts]
    assert {pin["key"]: sources[pin["name"], pin["key"]] for pin in pins} == files
    assert all(hashlib.sha256(files[pin["key"]]).hexdigest() == pin["sha256"] for pin in pins)
    for script in scripts:
        Script.model_validate(script)


@given(st.permutations(["a.py", "b.sh", "c.js", "d.py"]))
def test_the_order_of_files_does_not_matter(names: list[str]) -> None:
    files = {name: f"# {name}\n" for name in names}
    assert dump_yaml(*_render(files)) == dump_yaml(*_render(dict(sorted(files.items()))))


def test_what_is_rendered() -> None:
    overrides = {"*": {"activeDeadlineSeconds": 9, "backoffLimit": 1}, "a.py": {"backoffLimit": 2, "name": "first"}}
    manifests = _render({"b.sh": "true\n", "a.py": "pass\n"}, overrides, namespace="team", config_map="code")
    config_map, script, other = manifests
    assert config_map == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "code", "namespace": "team"},
        "data": {"a.py": "pass\n", "b.sh": "true\n"},
    }
    assert script["metadata"] == {"name": "b.sh", "namespace": "team"}
    assert other["metadata"] == {"name": "first", "namespace": "team"}
    digest = hashlib.sha256(b"pass\n").hexdigest()
    assert other["spec"] == {
        "aliases": ["a.py"],
        "activeDeadlineSeconds": 9,
        "backoffLimit": 2,
        "source": {"configMap": {"name": "code", "key": "a.py", "sha256": digest}},
    }
    assert "namespace" not in _render({"a.py": "pass\n"})[0]["metadata"]


def test_config_maps_stay_below_their_limit() -> None:
    files: dict[str, bytes | str] = {f"{letter}.py": "#" * 400_000 for letter in "abcde"}
    manifests = _render(files)
    config_maps = [item for item in manifests if item["kind"] == "ConfigMap"]
    assert [item["metadata"]["name"] for item in config_maps] == ["scripts", "scripts-2", "scripts-3"]
    for item in config_maps:
        assert sum(len(key) + len(text) for key, text in item["data"].items()) <= 900_000
    assert len(_read_sources(manifests)) == 5


def test_a_hash_names_the_content() -> None:
    [first, *_] = _render({"a.py": "1\n", "b.py": "2\n"}, hashed=True)
    [again, script, *_] = _render({"b.py": "2\n", "a.py": "1\n"}, hashed=True)
    [edited, *_] = _render({"a.py": "1\n", "b.py": "3\n"}, hashed=True)
    [moved, *_] = _render({"a.py": "1\nb.py", "c.py": "2\n"}, hashed=True)
    names = [item["metadata"]["name"] for item in (first, again, edited, moved)]
    assert names[0] == names[1] == script["spec"]["source"]["configMap"]["name"]
    assert len(set(names[1:])) == 3


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("hello.py", "hello.py"),
        ("Test_Scr.py", "test-scr.py"),
        ("_init_.py", "init.py"),
        ("a b.sh", "a-b.sh"),
        ("x-.sh", "x.sh"),
    ],
)
def test_a_files_name_becomes_a_scripts(file_name: str, name: str) -> None:
    assert decide_name(file_name, {}) == name


@given(st.text(min_size=1, max_size=80), st.text(max_size=80))
def test_no_name_that_kubernetes_refuses(file_name: str, given_name: str) -> None:
    try:
        name = decide_name(file_name, {"name": given_name} if given_name else {})
    except UsageError:
        return
    labels = name.split(".")
    assert len(name) <= 63
    for label in labels:
        assert label
        assert label.strip("-") == label
        assert label.isascii()
        assert label.replace("-", "").isalnum()
        assert label.islower() or not any(character.isalpha() for character in label)


@pytest.mark.parametrize(
    ("files", "overrides", "message"),
    [
        ({"a.py": ""}, {}, "a.py: it is empty"),
        ({"a.py": b"\xff\xfe"}, {}, "a.py: it is no text, so python can't run it"),
        ({"a.sh": "echo\0"}, {}, "a.sh: it is no text, so shell can't run it"),
        ({"worker": b"#" * 900_001}, {}, r"worker has 900,001 bytes, a ConfigMap takes 900,000"),
        ({"a b.py": "1", "a-b.py": "2"}, {}, r"a b.py and a-b.py would both be the key a-b.py of a ConfigMap"),
        ({"a_b.py": "1", "a-b.py": "2"}, {}, r"a-b.py and a_b.py would both be Script a-b.py"),
        ({"a.py": "1", "b.py": "2"}, {"b.py": {"aliases": ["a.py"]}}, r"a.py and b.py would both be Script a.py"),
        ({"a.py": "1"}, {"a.py": {"aliases": "x"}}, "a.py: aliases: Input should be a valid list"),
        ({"a.py": "1"}, {"a.py": {"backofLimit": 1}}, "a Script has no field backofLimit"),
        ({"a.py": "1"}, {"a.py": {"output": {"transprt": "ConfigMap"}}}, "no field output.transprt"),
        ({"a.py": "1"}, {"a.py": {"env": [{"name": "A", "vale": "1"}]}}, r"no field env\[0\].vale"),
        ({"a.py": "1"}, {"a.py": {"backoffLimit": -1}}, "a.py: backoffLimit: .*greater than or equal to 0"),
        ({"a.py": "1"}, {"a.py": {"variablesSchema": {"type": "objct"}}}, "variablesSchema"),
        ({"a.py": "1"}, {"a.py": {"source": {"inline": "2"}}}, "source is decided by the file"),
        ({"a.py": "1"}, {"a.py": {"name": "Not A Name"}}, "no name for a Script"),
        ({"a.py": "1"}, {"a.py": {"name": "x" * 64}}, "64 characters, at most 63"),
    ],
)
def test_what_is_refused(files: dict[str, bytes | str], overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _render(files, overrides)


def test_the_config_maps_name_is_checked() -> None:
    with pytest.raises(UsageError, match="--configmap My_Scripts"):
        _render({"a.py": "1"}, config_map="My_Scripts")


def test_a_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "scripts"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "deep.py").write_text("1")
    for name, text in {
        "b.sh": "1",
        "a.py": "2",
        "tool": "#!/bin/sh\n",
        "data.bin": "3",
        "notes.txt": "4",
        ".hidden.py": "5",
    }.items():
        (folder / name).write_text(text)
    (folder / "scripts.yaml").write_text("data.bin: {handler: exec}\na.py:\n")
    (tmp_path / "outside.py").write_text("secret")
    (folder / "link.py").symlink_to(tmp_path / "outside.py")
    (folder / "alias.py").symlink_to(folder / "a.py")
    scripts, overrides, left_out = read_folder(folder)
    assert [script.name for script in scripts] == ["a.py", "alias.py", "b.sh", "data.bin", "tool"]
    assert overrides.of("data.bin") == {"handler": "exec"}
    assert [text.partition(":")[0] for text in left_out] == [".hidden.py", "inner", "link.py", "notes.txt"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "file names with fields"),
        ("a.py: 3\n", "file names with fields"),
        ("a.py: [\n", "can't be read"),
        ("b.py: {}\n", "no script b.py in this folder"),
    ],
)
def test_a_wrong_settings_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "scripts.yaml").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_folder(tmp_path)


def test_no_settings_file_says_nothing(tmp_path: Path) -> None:
    assert read_overrides(tmp_path).of("a.py") == {}


@pytest.mark.parametrize(
    ("file_name", "name", "key"),
    [
        ("my_script.py", "my-script.py", "my_script.py"),
        ("Order Import.py", "order-import.py", "Order-Import.py"),
        ("Müller.sh", "m-ller.sh", "M-ller.sh"),
    ],
)
def test_a_script_answers_to_its_files_name(file_name: str, name: str, key: str) -> None:
    config_map, script = _render({file_name: "true\n"}, {file_name: {"aliases": ["also", file_name]}})
    assert list(config_map["data"]) == [key]
    assert script["metadata"]["name"] == name
    assert script["spec"]["aliases"] == [file_name, "also"]
    assert script["spec"]["source"]["configMap"]["key"] == key
    [_, plain] = _render({"hello.py": "1\n"})
    assert "aliases" not in plain["spec"]
