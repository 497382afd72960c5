"""The command `wuerst` of the wheel, which runs the program in the package."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

from . import _installed


def main() -> None:
    """Replaces this process by the program, with WUERST_MODELS set to the models of an installed package."""
    program = pathlib.Path(__file__).resolve().parent / "bin" / ("wuerst.exe" if os.name == "nt" else "wuerst")
    if not program.exists():
        sys.exit(f"{program} is missing: install the wheel again (pip install --force-reinstall wuerst)")
    models = _installed.models()
    if models:
        os.environ["WUERST_MODELS"] = models
    command = [str(program), *sys.argv[1:]]
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(program, command)


if __name__ == "__main__":
    main()
