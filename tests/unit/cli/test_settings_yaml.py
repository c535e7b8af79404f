"""`scripts.yaml`: what YAML's own types become."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.cli.folder import read_folder
from scriptrun.cli.render import Naming, build_manifests
from scriptrun.cli.settings_yaml import read_yaml

DATES = ["2024-01-01", "2024-01-01T10:00:00Z", "2024-01-01 10:00:00 +2", "12:30:45", "1:30"]
WORDS = ["NO", "no", "yes", "on", "Off", "y", "N", "0o17", "0b2", ".inf", "=", "1.2.3", "1e", "a b"]


@pytest.mark.parametrize("text", [*DATES, *WORDS])
def test_texts_stay_texts(text: str) -> None:
    assert read_yaml(f"a: {text}\n{text}: b\n") == {"a": text, text: "b"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("17", 17),
        ("-1_000", -1000),
        ("0x1F", 31),
        ("017", 15),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("18446744073709551616", 2**64),
        ("!!str 5", "5"),
        ("!!timestamp 2024-01-01", "2024-01-01"),
        ("!!binary aGk=", "aGk="),
        ("'NO'", "NO"),
        ("[1, NO]", [1, "NO"]),
    ],
)
def test_values(text: str, value: Any) -> None:
    read = read_yaml(f"a: {text}")
    assert read == {"a": value}
    assert type(read["a"]) is type(value)


def test_keys_are_texts() -> None:
    text = "1: a\ntrue: b\nnull: c\n1.5: d\nbase: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}"
    assert read_yaml(text) == {
        **{"1": "a", "true": "b", "null": "c", "1.5": "d"},
        **{"base": {"x": 1, "y": 2}, "own": {"x": 1, "y": 3}},
    }


_LAUGH = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}' if n else 'ha'] * 10)}]" for n in range(9))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [*x]", "nested more than 100 levels deep"),
        ("a: &x {k: *x}", "nested more than 100 levels deep"),
        ("a: " + "[" * 5000, "nested more than 100 levels deep"),
        (_LAUGH, "more than 1,000,000 values, aliases included"),
        ("a: {b: [1e999]}", r"a.b\[0\] is no number that JSON has"),
        ("a: !!set {a, b}", "could not determine a constructor for the tag"),
        ("a: !!python/object:os.system x", "could not determine a constructor for the tag"),
        ("a: !!int x", "invalid literal"),
        ("a: !!bool 2024", "'2024' is not what its tag says"),
        ("a: " + "1" * 5000, "limit"),
        ("? [1]\n: 2", "a key is no text"),
        ("a: \x00", "special characters are not allowed"),
        ("a: 1\n---\na: 2", "expected a single document"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_yaml(text)


@given(st.text(alphabet="aN1:-.[]{}&*!<>|'\"\n \t0xe+_~?#,%@`", max_size=60))
def test_never_anything_but_a_value_error(text: str) -> None:
    try:
        read_yaml(text)
    except ValueError:
        pass


def test_values_reach_the_manifests_in_the_fields_types(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "scripts.yaml").write_text(
        "a.py:\n  allowSecretEnv: yes\n  resources: {limits: {cpu: 0.5, memory: 64Mi}}\n  backoffLimit: 1e0\n"
        "  config: {since: 2024-01-01, country: NO}\n  env: [{name: COUNTRY, value: NO}]\n"
    )
    files, overrides, _ = read_folder(tmp_path)
    spec = build_manifests(files, overrides, Naming())[1]["spec"]
    assert spec["allowSecretEnv"] is True
    assert (spec["backoffLimit"], type(spec["backoffLimit"])) == (1, int)
    assert spec["resources"] == {"limits": {"cpu": 0.5, "memory": "64Mi"}}
    assert spec["config"] == {"since": "2024-01-01", "country": "NO"}
    assert spec["env"] == [{"name": "COUNTRY", "value": "NO"}]
