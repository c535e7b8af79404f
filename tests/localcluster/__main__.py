"""``python3 tests/localcluster COMMAND``: the cluster the tests and the demo run on. Standard library only."""

import sys

from driver.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
