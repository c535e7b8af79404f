"""Calls HTTP operations that are described by Actions, by way of Connections.

Used by the process that runs Workflows and by the pods of isolated runs: it knows neither Kubernetes nor the kinds.
What it is given decides everything; servers, their answers and the input of a call are not trusted.
"""
