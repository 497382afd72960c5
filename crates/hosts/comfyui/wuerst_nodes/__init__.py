"""The extension: asks the library for graphs and node kinds, and makes a node of each."""

import logging

from comfy_api.latest import ComfyExtension

from . import engines, graphs, kinds, release


class Extension(ComfyExtension):
    """What ComfyUI loads."""

    async def get_node_list(self):
        engines.register_folder()
        return [*graphs.all_nodes(), *kinds.all_nodes(), release.Release]


async def comfy_entrypoint():
    """Called by ComfyUI once, at its start."""
    logging.getLogger("wuerst").info("wuerst %s", engines.version())
    return Extension()
