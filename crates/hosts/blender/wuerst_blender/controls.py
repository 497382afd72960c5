"""Inputs of a graph as controls: kept in the scene, so that they are saved and undone with it."""

import os
from pathlib import Path

import bpy

from . import engine, preferences

# Blender keeps whole numbers of 32 bits.
_WHOLE = 2**31 - 1
# The graph of a scene that has none: it wants a prompt alone.
_FIRST = "text-to-image"
_files = []


def _graph_files(_settings, _context):
    # Blender keeps no reference to the texts of a menu.
    _files.clear()
    folder = preferences.place("graphs")
    found = sorted(Path(folder).glob("*.yaml"), key=lambda path: (path.stem != _FIRST, path.name)) if folder else []
    _files.extend((str(path), path.stem.replace("-", " ").capitalize(), str(path)) for path in found)
    return _files or [("", "None", "There are no graphs: set Graphs in the add-on's preferences")]


def _chosen(settings, _):
    settings.path = settings.menu


def begin():
    """Loads the first graph into the scenes that have none."""
    for scene in bpy.data.scenes:
        if not scene.wuerst.path and file_of(_FIRST) != _FIRST:
            scene.wuerst.path = file_of(_FIRST)


def begin_soon():
    """The same from Blender's timer: a panel that is being drawn may change nothing."""
    if not bpy.app.timers.is_registered(begin):
        bpy.app.timers.register(begin)


def file_of(path):
    """The file of a graph. A name without a folder, as text-to-image, is that of a graph that the menu offers."""
    offered = Path(preferences.place("graphs"), f"{path}.yaml")
    if path and os.path.basename(path) == path and offered.is_file():
        return str(offered)
    return bpy.path.abspath(path)


def _changed(settings, _):
    settings.problem = ""
    try:
        fill(settings)
    except Exception as error:  # whatever is wrong with a file, the panel says it
        settings.problem = str(error)


class WuerstChoice(bpy.types.PropertyGroup):
    """One input of the graph."""

    # The input's name is `name`; what the fields are for is `kind`.
    kind: bpy.props.StringProperty()
    about: bpy.props.StringProperty()
    title: bpy.props.StringProperty()
    optional: bpy.props.BoolProperty()
    given: bpy.props.BoolProperty(name="Set", description="Give a value; else the graph or the model decides")
    image: bpy.props.PointerProperty(name="Image", type=bpy.types.Image)
    choices: bpy.props.StringProperty()


class WuerstSettings(bpy.types.PropertyGroup):
    """What the panel shows."""

    menu: bpy.props.EnumProperty(name="Graph", items=_graph_files, update=_chosen)
    path: bpy.props.StringProperty(name="Graph", description="A graph's file", subtype="FILE_PATH", update=_changed)
    inputs: bpy.props.CollectionProperty(type=WuerstChoice)
    problem: bpy.props.StringProperty()
    # Of the run: not saved.
    running: bpy.props.BoolProperty(options={"SKIP_SAVE"})
    stop: bpy.props.BoolProperty(options={"SKIP_SAVE"})
    fraction: bpy.props.FloatProperty(name="Progress", subtype="PERCENTAGE", max=100, options={"SKIP_SAVE"})
    message: bpy.props.StringProperty(options={"SKIP_SAVE"})


def _value_of(port):
    """What a control shows first."""
    if port.initial is not None:
        return port.initial
    low = port.minimum if port.minimum > -1e30 else 0
    return {"bool": False, "int": int(max(low, 0)), "float": float(max(low, 0))}.get(port.type, "")


def fill(settings):
    """Makes the controls of the graph; those that it shares with the one before keep their values."""
    path = file_of(settings.path)
    before = {choice.name: dict(choice.items()) for choice in settings.inputs}
    given = {choice.name: (choice.given, choice.image) for choice in settings.inputs}
    ports = engine.graph(path).inputs()
    settings.inputs.clear()
    for port in ports:
        if port.type == "tensor" and not is_picture(port.type_text):
            continue
        choice = settings.inputs.add()
        choice.name, choice.about, choice.title = port.name, port.about, port.title
        choice.kind = "picture" if port.type == "tensor" else port.type
        choice.choices = "\n".join(port.choices)
        choice.optional = port.optional
        if choice.kind != "picture":
            value = _value_of(port)
            kept = before.get(port.name, {}).get("value")
            choice["value"] = kept if type(kept) is type(value) else value
            _limit(choice, port)
        if port.name in given:
            choice.given, choice.image = given[port.name]


def is_picture(type_text):
    """Whether a type is that of one picture, whatever its lengths are called."""
    return type_text.startswith("u8[") and type_text.endswith(",3]") and type_text.count(",") == 2


def _limit(choice, port):
    """A custom property of Blender's gets the input's limits, and is drawn as a slider between them."""
    shown = choice.id_properties_ui("value")
    if choice.kind == "int":
        low, high = int(max(port.minimum, -_WHOLE)), int(min(port.maximum, _WHOLE))
        choice["value"] = min(max(choice["value"], low), high)
        shown.update(min=low, max=high, description=port.about)
    elif choice.kind == "float":
        low, high = max(port.minimum, -1e30), min(port.maximum, 1e30)
        shown.update(min=low, max=high, soft_min=max(low, 0.0), soft_max=min(high, 20.0), description=port.about)
    elif choice.kind != "bool":
        shown.update(description=port.about)


def values(settings):
    """The inputs that are given: of numbers and texts as they are, of pictures the image."""
    found = {}
    for choice in settings.inputs:
        if choice.kind in ("picture", "file") and choice.image is not None:
            found[choice.name] = choice.image
        elif choice.kind != "picture" and (choice.given or not choice.optional):
            value = choice["value"]
            found[choice.name] = bool(value) if choice.kind == "bool" else value
    return found


def picture_output(path):
    """The name of the first output that is a picture, or several."""
    for port in engine.graph(path).outputs():
        if port.type_text.startswith("u8[") and port.type_text.endswith(",3]"):
            return port.name
    raise engine.Missing(f"{os.path.basename(path)} has no output that is a picture, u8[h,w,3]")


_CLASSES = (WuerstChoice, WuerstSettings)


def register():
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.wuerst = bpy.props.PointerProperty(type=WuerstSettings)


def unregister():
    del bpy.types.Scene.wuerst
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    engine.release()
