"""Runs one script under its contract and says how it ended.

Standard library only, Python 3.9 or newer. In a pod `__main__` is PID 1; on a workstation `execute.execute` does
the same in any thread, without touching signals, the network or the process's own folder.

What is imported before the script has been started delays the script, so modules that only the end of a run
needs are imported inside functions.
"""
