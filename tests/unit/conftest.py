"""Hypothesis profiles of the unit tests; `HYPOTHESIS_PROFILE=dev` looks longer.

Where CI is set, examples are the same each time: it judges the change, not the dice. Everywhere else they are new ones.
"""

import os

from hypothesis import HealthCheck, settings

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "short",
    max_examples=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=_SLOW_IS_FINE,
    derandomize=bool(os.environ.get("CI")),
)
settings.register_profile("dev", settings.get_profile("short"), max_examples=600, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
