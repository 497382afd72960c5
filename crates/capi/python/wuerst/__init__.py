"""Würstchen graphs from Python, over libwuerst's C interface. Standard library only.

    import wuerst

    job = wuerst.Engine().open(wuerst.graphs / "text-to-image.yaml").job(prompt="a red apple")
    image = job.get("image")          # a Tensor: image.shape, bytes(image), image.numpy()

`pip install wuerst wuerst-models-icons` brings the library, ONNX Runtime, graphs and a small model.

The library is looked for in this order: the path given to `load(path)`, called before anything else; the environment
variable WUERST_LIBRARY; `lib` in this package; the folder of this package; ../lib from there; the system's library
folders. Models come from `Engine(models=…)`, the variable WUERST_MODELS, or an installed package of models.

Errors of the library are raised as `wuerst.Error` with its code, message and, for a wrong graph, the places. Calls
release the interpreter's lock. `Job.start` runs a job in the background, so a tool's window stays responsive:

    running = job.start("image")      # poll it from a timer
    if running.done(): image = running.result()

The header's rules for threads and ownership apply here too; handles are freed with their objects.
"""

from __future__ import annotations

from ._abi import (
    CANCELLED,
    FILE,
    GRAPH,
    INTERNAL,
    INVALID,
    MODEL,
    NODE,
    NOT_FOUND,
    OUT_OF_MEMORY,
    RUNTIME,
    Error,
    Place,
    load,
)
from ._engine import Engine, Graph, Job
from ._installed import graphs, installed_models, use_installed_runtime
from ._runs import Running, Status
from ._shown import Kind, Node, Port
from ._values import Tensor

__all__ = ["Engine", "Error", "Graph", "Job", "Kind", "Node", "Place", "Port", "Running", "Status", "Tensor", "load"]
__all__ += ["graphs", "installed_models", "use_installed_runtime", "version"]
__all__ += ["CANCELLED", "FILE", "GRAPH", "INTERNAL", "INVALID", "MODEL", "NODE", "NOT_FOUND", "OUT_OF_MEMORY"]
__all__ += ["RUNTIME"]


def version() -> str:
    """The version of the library, as "0.1.0"."""
    return load().wst_version().text()
