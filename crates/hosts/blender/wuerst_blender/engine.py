"""The one engine of this Blender, and its graphs, made when they are first wanted."""

import os
import sys
from pathlib import Path

from . import preferences

# The module lies in the add-on's folder when it was installed from the zip.
_BESIDE = Path(__file__).resolve().parent
if (_BESIDE / "wuerst").is_dir() and str(_BESIDE) not in sys.path:
    sys.path.append(str(_BESIDE))

_engines = {}
_graphs = {}


class Missing(Exception):
    """Something is not where it should be; the text says what to do."""


def module():
    """The `wuerst` module, with the library loaded."""
    try:
        import wuerst
    except ImportError:
        message = "The Python module `wuerst` is missing: install the add-on from its zip, or set PYTHONPATH"
        raise Missing(message) from None
    library = preferences.place("library")
    try:
        wuerst.load(*([library] if library else []))
    except OSError as error:
        raise Missing(f"{error}. Set Library in the add-on's preferences, or WUERST_LIBRARY") from None
    return wuerst


def _engine():
    models, runtime, settings = map(preferences.place, ("models", "runtime", "settings"))
    if not (models or settings) or (models and not os.path.isdir(models)):
        where = models or "any known place"
        raise Missing(f"There is no folder of models at {where}: set Models in the add-on's preferences")
    devices = preferences.devices()
    key = (models, runtime, settings, devices)
    if key not in _engines:
        # Models of another setup need not stay loaded.
        _engines.clear()
        _graphs.clear()
        _engines[key] = module().Engine(models=models, runtime=runtime, settings=settings, devices=devices)
    return _engines[key]


def graph(path):
    """The checked graph of a file; read anew when the file has changed."""
    engine = _engine()
    try:
        changed = os.stat(path).st_mtime_ns
    except OSError as error:
        raise Missing(f"{path}: {error.strerror}. Choose another graph") from None
    known = _graphs.get(path)
    if known is None or known[0] != changed:
        known = _graphs[path] = (changed, engine.open(path))
    return known[1]


def release():
    """Lets engine and graphs go."""
    _graphs.clear()
    _engines.clear()
