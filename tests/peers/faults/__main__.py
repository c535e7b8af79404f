"""`python tests/peers/faults [NAME…]`: run the fault suite, show what it found, keep it in build/faults.json."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from peers.faults.cli import main

if __name__ == "__main__":
    main()
