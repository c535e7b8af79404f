"""Runs scripts on Kubernetes, each in its own Job."""

__version__: str


def __getattr__(name: str) -> str:
    """Look the version up when somebody asks: reading package metadata takes longer than the rest of `--help`."""
    if name == "__version__":
        from importlib.metadata import version

        return version("scriptrun")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
