"""Where the library, the models and the graphs lie: what the user says, what the environment says, what came along."""

import os
from pathlib import Path

import bpy

_HERE = Path(__file__).resolve().parent

# Property, environment variable, what lies in the add-on's folder, and what the panel says.
_PLACES = {
    "library": ("WUERST_LIBRARY", "lib/libwuerst.so.0", "Library", "libwuerst.so.0"),
    "runtime": ("ORT_DYLIB_PATH", "lib/libonnxruntime.so", "ONNX Runtime", "ONNX Runtime's library"),
    "models": ("WUERST_MODELS", "share/wuerst/models/icons", "Models", "Folder of the models that graphs name"),
    "graphs": ("WUERST_GRAPHS", "share/wuerst/graphs", "Graphs", "Folder of the graphs that the panel offers"),
    "settings": ("WUERST_CONFIG", None, "Settings", "Settings file: models, devices and more"),
}

# What a settings file may name: it counts before what came along.
_IN_SETTINGS = ("runtime", "models")


class WuerstPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    library: bpy.props.StringProperty(name="Library", description="libwuerst.so.0", subtype="FILE_PATH")
    runtime: bpy.props.StringProperty(name="ONNX Runtime", description="ONNX Runtime's library", subtype="FILE_PATH")
    models: bpy.props.StringProperty(name="Models", description="Folder of the models", subtype="DIR_PATH")
    graphs: bpy.props.StringProperty(name="Graphs", description="Folder of the graphs", subtype="DIR_PATH")
    settings: bpy.props.StringProperty(name="Settings", description="Settings file, wuerst.yaml", subtype="FILE_PATH")
    devices: bpy.props.StringProperty(name="Devices", description='In order of preference, as "cuda:0,cpu"')

    def draw(self, _):
        self.layout.label(text="Empty: what the environment says, else what came with the add-on")
        for name, (variable, *_) in _PLACES.items():
            self.layout.prop(self, name)
            self.layout.label(text=f"{variable}: {place(name) or 'nothing found'}", icon="BLANK1")
        self.layout.prop(self, "devices")


def _said(name):
    addon = bpy.context.preferences.addons.get(__package__)
    return getattr(addon.preferences, name, "") if addon else ""


def place(name):
    """The path that counts, as text; empty when there is none."""
    variable, inside, *_ = _PLACES[name]
    said = _said(name)
    if said:
        return bpy.path.abspath(said)
    said = os.environ.get(variable, "")
    if said or inside is None or (name in _IN_SETTINGS and place("settings")):
        return said
    beside = _HERE / inside
    return str(beside) if beside.exists() else ""


def devices():
    """Devices in order of preference; empty: as the graph prefers."""
    return _said("devices")


def register():
    bpy.utils.register_class(WuerstPreferences)


def unregister():
    bpy.utils.unregister_class(WuerstPreferences)
