"""The one engine of this Krita, and its graphs, made when they are first wanted."""

import os
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# The module lies in the plug-in's folder when it was installed from the zip.
if (_HERE / "wuerst").is_dir() and str(_HERE) not in sys.path:
    sys.path.append(str(_HERE))

_FIRST = "text-to-image"
_engines = {}


class Missing(Exception):
    """Something is not where it should be; the text says what to do."""


def _place(variable, inside):
    said = os.environ.get(variable, "")
    beside = _HERE / inside
    return said or (str(beside) if beside.exists() else "")


def module():
    """The `wuerst` module, with the library loaded."""
    try:
        import wuerst
    except ImportError:
        raise Missing("The Python module `wuerst` is missing: install the plug-in from its zip, or set PYTHONPATH") from None
    library = _place("WUERST_LIBRARY", "lib/libwuerst.so.0")
    try:
        wuerst.load(*([library] if library else []))
    except OSError as error:
        raise Missing(f"{error}. Set WUERST_LIBRARY to the library's path") from None
    return wuerst


def graphs():
    """The files of the graphs, text to image first."""
    folder = _place("WUERST_GRAPHS", "share/wuerst/graphs")
    found = Path(folder).glob("*.yaml") if folder else []
    return sorted(found, key=lambda path: (path.stem != _FIRST, path.name))


def graph(path):
    """The checked graph of a file. It opens without its models, so that its inputs are shown before they are there."""
    settings = os.environ.get("WUERST_CONFIG", "")
    key = (os.environ.get("WUERST_MODELS", "") if settings else _place("WUERST_MODELS", "share/wuerst/models/icons"), settings)
    if key not in _engines:
        # Models of another setup need not stay loaded.
        _engines.clear()
        _engines[key] = module().Engine(models=key[0], settings=settings)
    return _engines[key].open(path, without_models=True)
