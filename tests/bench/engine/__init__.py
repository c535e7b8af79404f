"""A task of a real orchestrator from its creation to the end of its workflow, and who else could have done it."""
