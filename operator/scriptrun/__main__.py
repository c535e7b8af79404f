"""``python -m scriptrun`` is the command ``scriptrun``."""

from scriptrun.cli.main import main

main()
