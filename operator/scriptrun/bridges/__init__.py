"""Bridges: claim the tasks of orchestrators, make runs of them, and report how they ended."""
