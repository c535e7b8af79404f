"""Runs over HTTP: their operations, what callers see of them, and what is known of them."""
