"""`python tests/bench [NAME…]`: run benchmarks, show their figures, keep them in build/bench.json."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.cli import main

if __name__ == "__main__":
    main()
