"""Starts the runner; `bin/runner` executes this file by its path."""

import os
import sys

if sys.version_info < (3, 9):
    sys.exit("scriptrun: the runner needs Python 3.9 or newer in the image, this is " + sys.version.split()[0])
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from scriptrun_runner.lean import block_stop_signals

block_stop_signals()

from scriptrun_runner.main import main  # noqa: E402 - it imports the whole runner

main()
