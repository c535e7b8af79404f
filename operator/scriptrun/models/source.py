"""Where a script's source lives: a key of a ConfigMap, a folder of them, the Script itself, or each run."""

from pydantic import Field

from scriptrun.models.base import Model, cel, object_name

__all__ = [
    "SOURCE_LIMIT_BYTES",
    "ConfigMapSource",
    "FolderConfigMap",
    "FolderFiles",
    "FolderItem",
    "FolderSource",
    "RunSource",
    "ScriptSource",
]

SOURCE_LIMIT_BYTES = 900_000
_DIGEST = "^[0-9a-f]{64}$"
# One part of a path that is neither "", "." nor "..".
_PART = r"([^/.\x00-\x1f][^/\x00-\x1f]*|\.[^/.\x00-\x1f][^/\x00-\x1f]*|\.\.[^/\x00-\x1f]+)"
_PATH = rf"^{_PART}(/{_PART})*$"


class ConfigMapSource(Model):
    """A key of a ConfigMap that holds a script's source."""

    name: str = object_name("Name of the ConfigMap, in the Script's namespace.")
    key: str = Field(min_length=1, max_length=253, description="Key in its `data` or `binaryData`.")
    sha256: str | None = Field(
        default=None,
        pattern=_DIGEST,
        description="SHA-256 of the source in lower-case hex. With this pin an edited source is refused "
        "(reason DigestMismatch). Default: not pinned.",
    )


class FolderItem(Model):
    """A key of a ConfigMap that becomes a file."""

    key: str = Field(min_length=1, max_length=253, description="Key in its `data` or `binaryData`.")
    path: str = Field(
        min_length=1,
        max_length=512,
        pattern=_PATH,
        description="Path of the file in the folder: relative, without `.` and `..`.",
    )


class FolderConfigMap(Model):
    """A ConfigMap whose keys are files of a folder."""

    name: str = object_name("Name of the ConfigMap.")
    items: list[FolderItem] = Field(
        default=[],
        max_length=1024,
        description="Keys that become files, and their paths. Default: each key, by its name.",
    )


class FolderFiles(Model):
    """Several files and the one to start."""

    config_maps: list[FolderConfigMap] = Field(
        min_length=1, max_length=16, description="ConfigMaps that hold the files, in the same namespace."
    )
    entry_point: str = Field(
        min_length=1,
        max_length=512,
        pattern=_PATH,
        description="Path of the file to start, such as `main.py` or `etl/load.sh`.",
    )


class FolderSource(FolderFiles):
    """Several files, pinned as a whole."""

    sha256: str | None = Field(
        default=None,
        pattern=_DIGEST,
        description="SHA-256 of all files in lower-case hex, as `scriptrun scripts render` computes it. With this pin "
        "an edited, added or missing file is refused (reason DigestMismatch). Default: not pinned.",
    )


class FromRun(Model):
    """Says that runs bring their own source."""


class ScriptSource(Model):
    """Where a script's source lives; exactly one."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": "[has(self.configMap), has(self.folder), has(self.inline), has(self.fromRun)].exists_one(x, x)",
                "message": "set exactly one of configMap, folder, inline or fromRun",
            }
        )
    }

    config_map: ConfigMapSource | None = Field(default=None, description="A key of a ConfigMap: one file.")
    folder: FolderSource | None = Field(
        default=None, description="Several files from ConfigMaps; they are the script's working folder."
    )
    inline: str | None = Field(
        default=None, min_length=1, max_length=65536, description="The source itself; for small scripts."
    )
    from_run: FromRun | None = Field(
        default=None,
        description="Each run names its own ConfigMap in `spec.source`. Grants whoever may create runs of this "
        "Script the right to run any code in it.",
    )


class RunConfigMapSource(Model):
    """A key of a ConfigMap that the run brings along."""

    name: str = object_name("Name of the ConfigMap, in the run's namespace.")
    key: str = Field(min_length=1, max_length=253, description="Key in its `data` or `binaryData`.")


class RunSource(Model):
    """The source that a run of a `fromRun` Script brings along; exactly one."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": "has(self.configMap) != has(self.folder)",
                "message": "set exactly one of configMap or folder",
            }
        )
    }

    config_map: RunConfigMapSource | None = Field(default=None, description="A key of a ConfigMap: one file.")
    folder: FolderFiles | None = Field(
        default=None, description="Several files from ConfigMaps; they are the script's working folder."
    )
