"""Executes the tasks of an orchestrator on this machine, without Kubernetes: ``scriptrun worker exec``."""
