"""Manifests and status of WorkflowRuns."""
