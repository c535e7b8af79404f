"""The project's virtualenv: made when it is missing, updated when what it is made from changed."""

import shutil
import sys
from pathlib import Path

from .gobuild import compute_key
from .packages import install_packages
from .progress import step
from .settings import ROOT, Settings
from .shell import run_logged, succeeds

VENV = ROOT / ".venv"
INPUTS = ("pyproject.toml", "constraints.txt")


def ensure_venv(settings: Settings, folder: Path = VENV) -> None:
    """Makes ``.venv`` with the project and its development tools, under the pins of ``constraints.txt``."""
    stamp = folder / "scriptrun.key"
    python = folder / "bin" / "python"
    key = compute_key([sys.version.encode(), *((ROOT / name).read_bytes() for name in INPUTS)])
    # The folder may have been copied or its Python removed: a stamp alone proves nothing.
    if stamp.exists() and stamp.read_text() == key and succeeds(python, "-c", "import scriptrun"):
        return
    if not succeeds(sys.executable, "-c", "import ensurepip"):
        install_packages(settings, ["python3-venv"])
    log = settings.cache / "log" / "venv.log"
    advice = "Check that this machine reaches PyPI, then try again."
    with step("Installing the Python packages into .venv", note="(the first time about a minute)"):
        if not succeeds(python, "-m", "pip", "--version"):
            shutil.rmtree(folder, ignore_errors=True)
            run_logged([sys.executable, "-m", "venv", folder], log, advice=advice)
        install: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check"]
        run_logged([*install, "-c", ROOT / "constraints.txt", "-e", f"{ROOT}[dev]"], log, advice=advice)
    stamp.write_text(key)
