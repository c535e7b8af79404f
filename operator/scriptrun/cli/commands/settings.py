"""Settings of the processes, as their commands read them."""

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from scriptrun.settings import ProcessSettings

__all__ = ["read_settings"]

SettingsType = TypeVar("SettingsType", bound="ProcessSettings")


def read_settings(kind: "type[SettingsType]") -> "SettingsType":
    """Read a process's settings from the environment, and set up its logs by them.

    Args:
        kind: class of the settings.

    Raises:
        UsageError: one of them is not valid.
    """
    from pydantic import ValidationError

    from scriptrun.errors import UsageError
    from scriptrun.runtime.logging import configure_logs

    try:
        settings = kind()
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UsageError(f"SCRIPTRUN_{str(wrong['loc'][0]).upper()}={wrong['input']}: {wrong['msg']}") from error
    configure_logs(settings.log_level, settings.log_format)
    return settings
