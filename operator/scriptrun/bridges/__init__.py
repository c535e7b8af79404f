"""Bridges: claim tasks of orchestrators, make runs of them, report how they ended. One loop, one adapter each."""
