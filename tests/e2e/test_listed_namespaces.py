"""With ``watchNamespaces`` the operator works there, with rights there only, and nowhere else."""

from collections.abc import Callable

import pytest

from clusterlab.space import Space
from e2e.release import NAMESPACE, Release

pytestmark = pytest.mark.e2e
pytest_plugins = ["e2e.fixtures"]

HELLO = "import sys; open(sys.argv[2], 'w').write('{}')"


def test_runs_are_run_where_it_was_told_to(installed: Release, make_space: Callable[[], Space]) -> None:
    first, second, other = make_space(), make_space(), make_space()
    installed.apply({"watchNamespaces": [first.name, second.name]})
    for space in (other, first, second):
        space.start("hello-1", HELLO)
    for space in (first, second):
        assert space.end_of("hello-1").end == ("Succeeded", "Completed")
    left = other.run("hello-1")
    assert left is not None
    assert left.status == {}
    assert other.owned_by(left) == set()

    operator = installed.api.impersonate(f"system:serviceaccount:{NAMESPACE}:scriptrun-operator")
    assert operator.get(first.run_path()).status == 200
    assert operator.get(other.run_path()).status == 403
    assert operator.get("/apis/scriptrun.dev/v1alpha1/scriptruns").status == 403

    installed.apply({"watchNamespaces": [first.name, other.name]})
    assert other.end_of("hello-1").end == ("Succeeded", "Completed")
    assert operator.get(second.run_path()).status == 403
