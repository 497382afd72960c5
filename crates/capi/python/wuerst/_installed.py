"""Files that lie in the wheel, and packages that are installed next to it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pathlib
from typing import Optional

_here = pathlib.Path(__file__).resolve().parent
# Folders with `lib` and `share` in them: the wheel's own, and the root of a tree of `.ci/dist`.
_ROOTS = (_here, _here.parent.parent)

_runtime = ""


def library_places(name: str) -> list[str]:
    """Where the library may lie: in the package, next to it, in `../lib` from there."""
    return [str(_here / "lib" / name), str(_here.parent / name), str(_here.parent.parent / "lib" / name)]


def _graphs() -> pathlib.Path:
    places = [root / "share/wuerst/graphs" for root in _ROOTS]
    # A checkout.
    places.append(_here.parents[3] / "graphs" if len(_here.parents) > 3 else places[0])
    return next((place for place in places if place.is_dir()), places[0])


graphs: pathlib.Path = _graphs()


def models() -> str:
    """The folder of models that an installed package brings, as `wuerst-models-icons` does; "" where none does.

    WUERST_MODELS goes before. Of several packages the first by name counts.
    """
    named = os.environ.get("WUERST_MODELS")
    if named:
        return named
    points = importlib.metadata.entry_points()
    # Before Python 3.10 it is a dict of groups.
    group = points.select(group="wuerst.models") if hasattr(points, "select") else points.get("wuerst.models", ())
    found = sorted(group, key=lambda point: point.name)
    return str(found[0].load()) if found else ""


def use_installed_runtime() -> str:
    """Lets engines that are made from now on use the ONNX Runtime of an installed `onnxruntime` or `onnxruntime-gpu`, in
    place of the one in this package. Returns the library's path; imports nothing.

    ONNX Runtime is loaded once for a process: call it before the first engine.

    Raises FileNotFoundError when there is none.
    """
    global _runtime
    spec = importlib.util.find_spec("onnxruntime")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        capi = pathlib.Path(folder, "capi")
        names = ("libonnxruntime.so*", "onnxruntime.dll", "libonnxruntime*.dylib")
        found = sorted(path for name in names for path in capi.glob(name))
        if found:
            _runtime = str(found[-1])
            return _runtime
    raise FileNotFoundError("no package `onnxruntime` with its library is installed: pip install onnxruntime or onnxruntime-gpu")


def runtime() -> Optional[str]:
    """The path that `use_installed_runtime` found, if it was called."""
    return _runtime or None
