"""Stands for ComfyUI's `comfy_api.latest`, as far as the pack uses it; `test_standin.py` holds it against the real
one."""

from . import _io as io


class ComfyExtension:
    """What a pack gives."""

    async def on_load(self):
        """Called once."""

    async def get_node_list(self):
        raise NotImplementedError
