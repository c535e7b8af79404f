"""Brings up a real Kubernetes on one Linux machine without Docker and without a container registry."""
