#!/usr/bin/env python3
"""The add-on in a window of Blender's, as its page shows it:

    blender --factory-startup --window-geometry 0 0 1000 620 --python blender_window.py -- SCREENSHOT.png

Makes a picture, opens the image editor with the add-on's panel, and ends when the screenshot is written. `.ci/hosts
blender` runs it under Xvfb, whose drawing is done in software.
"""

import os
import sys
import traceback
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "crates/hosts/blender"), str(ROOT / "crates/capi/python")]

import wuerst_blender  # noqa: E402 needs the paths above
from wuerst_blender import generate  # noqa: E402


def prepare():
    """A window that is an image editor with the panel alone, since 3.4 has no way to choose a tab of the sidebar."""
    for cls in bpy.types.Panel.__subclasses__():
        place = (getattr(cls, "bl_space_type", ""), getattr(cls, "bl_region_type", ""))
        if place == ("IMAGE_EDITOR", "UI") and cls.is_registered:
            bpy.utils.unregister_class(cls)
    wuerst_blender.register()
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "IMAGE_EDITOR"
    settings = bpy.context.scene.wuerst
    settings.menu = os.path.join(os.environ["WUERST_GRAPHS"], "text-to-image.yaml")
    if settings.problem:
        raise RuntimeError(settings.problem)
    for name, value in {"prompt": "a red apple, twemoji style", "seed": 7}.items():
        settings.inputs[name]["value"], settings.inputs[name].given = value, True
    if bpy.ops.wuerst.generate() != {"FINISHED"}:
        raise RuntimeError(settings.problem)
    space = area.spaces.active
    space.image, space.show_region_ui = generate.newest(), True
    return window, area


def guarded(work):
    """Blender goes on after an exception in a timer; a test must not."""
    try:
        return work()
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def main():
    bpy.context.preferences.view.show_splash = False
    target = sys.argv[sys.argv.index("--") + 1]
    shown = []

    def step():
        if not shown:
            shown.append(prepare())
            return 1.0
        window, area = shown[0]
        region = next(region for region in area.regions if region.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            if len(shown) == 1:
                bpy.ops.image.view_zoom_ratio(ratio=5)
                shown.append("near")
                return 1.0
            bpy.ops.screen.screenshot_area(filepath=target)
        print(f"screenshot: {target}", flush=True)
        os._exit(0)

    bpy.app.timers.register(lambda: guarded(step), first_interval=1.0)


guarded(main)
