"""Starts the installer; `bin/installer` executes this file by its path."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from scriptrun_runner.install import main

sys.exit(main())
