"""One ScriptRun from its creation to its deletion: start, observe its Job, write its status."""
