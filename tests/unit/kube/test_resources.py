"""Paths of objects whose names others wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from scriptrun.errors import NotFound
from scriptrun.kube.resources import CONFIGMAPS, PODS, SCRIPTS, SECRETS

ROOT = "/api/v1/namespaces/team/secrets/"


def test_paths() -> None:
    assert CONFIGMAPS.path() == "/api/v1/configmaps"
    assert CONFIGMAPS.path("team") == "/api/v1/namespaces/team/configmaps"
    assert SCRIPTS.path("team", "hello.py") == "/apis/scriptrun.dev/v1alpha1/namespaces/team/scripts/hello.py"
    assert PODS.path("team", "a-0-b", "log") == "/api/v1/namespaces/team/pods/a-0-b/log"


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "../../other/secrets/camunda",
        "x/../../../other/secrets/camunda",
        "/api/v1/secrets",
        "camunda/status",
        "..%2f..%2fother",
        "%2e%2e",
    ],
)
def test_nothing_has_a_name_that_is_a_path(name: str) -> None:
    for arguments in (("team", name), (name, "camunda"), (name, "")):
        with pytest.raises(NotFound, match="nothing can be named"):
            SECRETS.path(*arguments)


@given(st.text(min_size=1, max_size=40))
def test_no_name_leads_anywhere_else(name: str) -> None:
    """As the HTTP client understands it, which cleans paths and takes ? and # for what they are in a URL."""
    try:
        url = URL("https://cluster" + SECRETS.path("team", name))
    except NotFound:
        return
    assert url.raw_path.startswith(ROOT)
    assert "/" not in url.raw_path.removeprefix(ROOT)
    assert not url.query_string
    assert not url.fragment
