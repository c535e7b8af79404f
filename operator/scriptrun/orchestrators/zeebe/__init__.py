"""Speaks the REST API of Zeebe and Camunda 8."""
