"""Decisions about workflows: is one well-formed, may a run start, what is its next command."""
