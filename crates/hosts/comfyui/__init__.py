"""Würstchen for ComfyUI: a node for each graph, and one for each node kind."""

# Outside of ComfyUI the folder is not a package with an entry point, as for a test collector.
try:
    from .wuerst_nodes import comfy_entrypoint
except ImportError as error:
    if error.name not in ("comfy_api", "comfy_api.latest"):
        raise
else:
    WEB_DIRECTORY = "./web"
    __all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
