"""Hostile input: a corpus of it, what feeds it to the real processes, and canaries that must not notice."""
