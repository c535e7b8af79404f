"""What settings come to that no single one of them says."""

import pytest

from scriptrun.settings import ProcessSettings


@pytest.mark.parametrize(("namespaces", "expected"), [("", 10 + 3), ("a", 10 + 3), ("a, b,c", 10 + 9)])
def test_watches_take_no_connection_from_the_requests(namespaces: str, expected: int) -> None:
    settings = ProcessSettings(watch_namespaces=namespaces, max_connections=10)
    assert settings.count_connections(watched_kinds=3) == expected
