"""Benchmarks: what this project promises about speed and cost, measured on a real API server."""
