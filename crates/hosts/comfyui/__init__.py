"""Würstchen for ComfyUI: a node for each graph, and one for each node kind."""

# Tools such as test collectors import this file outside of ComfyUI.
try:
    from .wuerst_nodes import comfy_entrypoint
except ImportError as error:
    if error.name not in ("comfy_api", "comfy_api.latest"):
        raise
else:
    WEB_DIRECTORY = "./web"
    __all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
