"""Speaks the REST API of Conductor."""
