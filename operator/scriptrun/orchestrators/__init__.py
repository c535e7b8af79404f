"""Speaks the protocols of orchestrators: what an adapter is, which there are, and how each proves who it is."""
