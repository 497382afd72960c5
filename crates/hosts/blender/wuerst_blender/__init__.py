"""Würstchen in Blender: a panel in the image editor and the compositor that runs graphs.

The add-on is thin: the `wuerst` module that lies beside it speaks to libwuerst.so, and what the panel shows is what the
chosen graph says of its inputs, so that another graph needs no other add-on. A run goes on in a thread of the
library's; Blender's timer asks now and then how far it is.
"""

bl_info = {
    "name": "Würstchen",
    "author": "the wuerst authors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Image Editor and Compositor > Sidebar > Würstchen",
    "description": "Pictures from prompts, by graphs that run inside Blender",
    "category": "Paint",
}

from . import controls, generate, panel, preferences

_PARTS = (preferences, controls, generate, panel)


def register():
    for part in _PARTS:
        part.register()


def unregister():
    for part in reversed(_PARTS):
        part.unregister()
