"""Reconciles WorkflowRuns: a process of its own, that knows of Jobs and pods no more than any caller does."""
