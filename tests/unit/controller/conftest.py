"""The controller's tests run operators by the hundred: they need not tell what they do."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """No logs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.reset_defaults()
