"""API tokens: what is kept, who is let in, and what a folder as the kubelet makes it holds."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from scriptrun.api.auth.tokens import TokenFolder, create_token, hash_token
from scriptrun.cli.main import run

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def keep(folder: Path, name: str, token: str, **changes: Any) -> None:
    entry = {"sha256": hash_token(token), "namespace": "team", "scripts": ["*"], "expires": "2026-02-01T00:00:00Z"}
    (folder / name).write_text(json.dumps({**entry, **changes}))


def test_a_token_is_found_by_its_name_and_its_hash(tmp_path: Path) -> None:
    token, other = create_token("shop"), create_token("shop")
    keep(tmp_path, "shop", token)
    folder = TokenFolder(str(tmp_path), lambda: NOW)
    found = folder.find(token)
    assert found is not None
    assert (found[0], found[1].namespace) == ("shop", "team")
    for wrong in (other, token[:-1], token + "a", token.replace("shop", "xxxx"), token.upper(), "", "srt_shop_", "x"):
        assert folder.find(wrong) is None


def test_a_token_ends_on_the_instant(tmp_path: Path) -> None:
    token = create_token("shop")
    keep(tmp_path, "shop", token)
    last = datetime(2026, 2, 1, tzinfo=UTC)
    assert TokenFolder(str(tmp_path), lambda: last - timedelta(microseconds=1)).find(token)
    assert TokenFolder(str(tmp_path), lambda: last).find(token) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "x"},
        {"sha256": "A" * 64},
        {"namespace": ""},
        {"scripts": []},
        {"scripts": "*"},
        {"expires": "2026-02-01T00:00:00"},
        {"expires": "tomorrow"},
        {"admin": True},
    ],
)
def test_an_entry_that_is_not_right_is_good_for_nothing(tmp_path: Path, changes: dict[str, Any]) -> None:
    good, bad = create_token("good"), create_token("bad")
    keep(tmp_path, "good", good)
    keep(tmp_path, "bad", bad, **changes)
    folder = TokenFolder(str(tmp_path), lambda: NOW)
    assert folder.find(bad) is None
    assert folder.find(good)


def test_a_folder_as_the_kubelet_mounts_it(tmp_path: Path) -> None:
    token = create_token("shop")
    (tmp_path / "..2026").mkdir()
    keep(tmp_path / "..2026", "shop", token)
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "shop").symlink_to("..data/shop")
    assert TokenFolder(str(tmp_path), lambda: NOW).find(token)


def test_no_folder_and_an_empty_one_hold_no_token(tmp_path: Path) -> None:
    for path in ("", str(tmp_path), str(tmp_path / "nowhere")):
        assert TokenFolder(path, lambda: NOW).find(create_token("shop")) is None


def test_tokens_are_long_and_never_the_same() -> None:
    made = {create_token("a") for _ in range(200)}
    assert len(made) == 200
    assert {len(token) for token in made} == {len("srt_a_") + 43}


def test_the_command_makes_what_the_server_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["token", "create", "shop", "-n", "team", "--script", "etl-*", "--days", "2"]) == 0
    told = capsys.readouterr()
    token = told.out.strip()
    assert token not in told.err
    (tmp_path / "shop").write_text(yaml.safe_load(told.err)["stringData"]["shop"])
    found = TokenFolder(str(tmp_path)).find(token)
    assert found is not None
    assert found[1].scripts == ["etl-*"]
    assert timedelta(days=1, hours=23) < found[1].expires - datetime.now(UTC) <= timedelta(days=2)


@pytest.mark.parametrize("name", ["Shop", "a_b", "", "-a", "a" * 64])
def test_the_command_refuses_other_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["token", "create", "-n", "team", "--script", "*", "--", name]) == 2
    assert "NAME" in capsys.readouterr().err
