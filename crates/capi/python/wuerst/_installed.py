"""Files in the wheel, and packages installed next to it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pathlib
from typing import Optional

_here = pathlib.Path(__file__).resolve().parent
# Folders that contain `lib` and `share`: the wheel's own, and the root of a tree made by `.ci/dist`.
_ROOTS = (_here, _here.parent.parent)

_runtime = ""


def library_places(name: str) -> list[str]:
    """Possible paths of the library: in the package, next to it, in `../lib` from there."""
    return [str(_here / "lib" / name), str(_here.parent / name), str(_here.parent.parent / "lib" / name)]


def _graphs() -> pathlib.Path:
    places = [root / "share/wuerst/graphs" for root in _ROOTS]
    # A checkout.
    places.append(_here.parents[3] / "graphs" if len(_here.parents) > 3 else places[0])
    return next((place for place in places if place.is_dir()), places[0])


graphs: pathlib.Path = _graphs()


def installed_models() -> dict[str, str]:
    """Folders of models of installed packages such as `wuerst-models-icons`, by name, in the order of the names."""
    points = importlib.metadata.entry_points()
    # Before Python 3.10, entry_points() returns a dict of groups.
    group = points.select(group="wuerst.models") if hasattr(points, "select") else points.get("wuerst.models", ())
    return {point.name: str(point.load()) for point in sorted(group, key=lambda point: point.name)}


def models() -> str:
    """The folder that WUERST_MODELS names, or the first of `installed_models`; "" if there is none."""
    return os.environ.get("WUERST_MODELS") or next(iter(installed_models().values()), "")


def use_installed_runtime() -> str:
    """Makes later engines use the ONNX Runtime of an installed `onnxruntime` or `onnxruntime-gpu`, in place of the one
    in this package. Returns the library's path; imports nothing.

    ONNX Runtime is loaded once per process: call this before the first engine.

    Raises FileNotFoundError if there is none.
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
    advice = "pip install onnxruntime or onnxruntime-gpu"
    raise FileNotFoundError(f"no package `onnxruntime` with its library is installed: {advice}")


def runtime() -> Optional[str]:
    """The path that `use_installed_runtime` found, if it was called."""
    return _runtime or None
