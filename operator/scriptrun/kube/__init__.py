"""Thin async client over ``kubernetes.aio``: plain dicts in, plain dicts out. The only room that imports it."""
