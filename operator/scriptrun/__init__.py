"""Runs scripts on Kubernetes, each in its own Job."""

from importlib.metadata import version

__version__ = version("scriptrun")
