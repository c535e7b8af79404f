"""Expressions: CEL, Kubernetes' own expression language, between ``{{`` and ``}}`` in any text of a JSON value."""
