"""Writes a report about words, from a template beside this file."""

import json
import sys
from pathlib import Path

from lib.counting import count

with open(sys.argv[1]) as file:
    variables = json.load(file)
template = Path("report.txt").read_text()
with open(sys.argv[2], "w") as file:
    json.dump({"report": template.format(**count(variables["text"])).strip()}, file)
