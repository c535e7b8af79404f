"""Locks: what may be in them, and that nothing else is."""

from __future__ import annotations

import pytest

from scriptrun_runner.lock import LockError, dump_lock, hash_lock, normalize, parse_lock

A, B = "a" * 64, "b" * 64
LOCK = f"""\
# written by a tool
requests==2.32.4 \\
    --hash=sha256:{B} \\
    --hash=sha256:{A}

Typing.Extensions==4.16.0 ; python_version < "3.12" --hash=sha256:{A}
uvicorn[standard]==0.54.0 --hash=sha256:{B}
"""


def test_what_a_lock_holds() -> None:
    pins = parse_lock(LOCK)
    assert [(pin.name, pin.extras, pin.version, pin.marker, len(pin.hashes)) for pin in pins] == [
        ("requests", "", "2.32.4", "", 2),
        ("Typing.Extensions", "", "4.16.0", 'python_version < "3.12"', 1),
        ("uvicorn", "[standard]", "0.54.0", "", 1),
    ]
    assert normalize(pins[1].name) == "typing-extensions"


def test_the_layout_does_not_matter() -> None:
    pins = parse_lock(LOCK)
    assert parse_lock(dump_lock(pins))[0].hashes == [f"sha256:{A}", f"sha256:{B}"]
    assert hash_lock(parse_lock(dump_lock(pins))) == hash_lock(pins)
    assert hash_lock(parse_lock(LOCK.replace("\n", "\r\n"))) == hash_lock(pins)
    assert hash_lock(parse_lock(LOCK.replace(A, "c" * 64))) != hash_lock(pins)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("requests==2.32.4", "requests has no --hash"),
        (f"requests>=2 --hash=sha256:{A}", "not name==version"),
        ("requests==2 --hash=md5:abc", "not sha256: and 64 hex digits"),
        (f"requests==2 --hash=sha256:{A.upper()}", "not sha256: and 64 hex digits"),
        ("--index-url https://elsewhere", "line 1: '--index-url https://elsewhere' is not name==version"),
        (f"requests==2 --hash=sha256:{A} --index-url=https://elsewhere", "a hash that is not"),
        (f"requests==2 --index-url=https://elsewhere --hash=sha256:{A}", "not name==version"),
        (f"requests==2 ; x --find-links=/\\x --hash=sha256:{A}", "not name==version"),
        ("-e .", "not name==version"),
        (f"requests @ https://elsewhere/r.whl --hash=sha256:{A}", "not name==version"),
        (f"./r.whl --hash=sha256:{A}", "not name==version"),
        (f"r==1 --hash=sha256:{A}\nR==1 --hash=sha256:{A}", "line 2: R is locked twice"),
        ("r==1 \\", "line 1: it ends in the middle"),
        (f"r==1 ; --hash=sha256:{A}", "not name==version"),
    ],
)
def test_what_is_no_lock(text: str, words: str) -> None:
    with pytest.raises(LockError) as caught:
        parse_lock(text)
    assert words in str(caught.value)
