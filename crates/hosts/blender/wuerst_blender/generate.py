"""The operators: generate, cancel, dice, choose."""

import os
import random
import time

import bpy

from . import controls, engine, picture

# Seconds between two looks at the run.
_PACE = 0.1


class WUERST_OT_generate(bpy.types.Operator):
    """Run the graph, and keep its picture as an image"""

    bl_idname = "wuerst.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        settings = context.scene.wuerst
        return bool(settings.path) and not settings.running

    def invoke(self, context, _):
        return self._begin(context, waits=bpy.app.background)

    def execute(self, context):
        # From a script, which wants the picture when this returns.
        return self._begin(context, waits=True)

    def _begin(self, context, waits):
        settings = context.scene.wuerst
        try:
            self._start(settings)
        except Exception as error:  # missing library, model or graph, values that are refused
            return self._fail(settings, error)
        settings.running, settings.stop, settings.fraction, settings.problem = True, False, 0, ""
        if waits:
            while not self._run.wait(_PACE):
                self._look(settings)
            return self._end(context)
        self._timer = context.window_manager.event_timer_add(_PACE, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _start(self, settings):
        path = controls.file_of(settings.path)
        job = engine.graph(path).job()
        self._inputs = {}
        kinds = {choice.name: choice.kind for choice in settings.inputs}
        for name, value in controls.values(settings).items():
            if isinstance(value, bpy.types.Image):
                self._inputs[name] = value.name
                read = picture.pixels if kinds[name] == "picture" else picture.in_file
                value = read(value, engine.module().Tensor)
            else:
                self._inputs[name] = value
            job[name] = value
        self._path = path
        self._run = job.start(controls.picture_output(path))
        if not bpy.app.background:
            # Previews are made from the first time on that one is asked for.
            self._run.preview()

    def modal(self, context, event):
        settings = context.scene.wuerst
        if event.type == "ESC":
            settings.stop = True
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        self._look(settings)
        for area in context.screen.areas if context.screen else ():
            area.tag_redraw()
        if not self._run.done():
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self._timer)
        return self._end(context)

    def cancel(self, context):
        # Blender is closing a window or a file: the run must not outlive what it would write to.
        self._run.cancel()
        self._run.close()
        context.scene.wuerst.running = False

    def _look(self, settings):
        if settings.stop:
            self._run.cancel()
        status = self._run.poll()
        settings.fraction = status.fraction * 100
        settings.message = f"{status.node}: {status.done} of {status.of}" if status.of else status.node
        if not bpy.app.background:
            preview = self._run.preview()
            if preview is not None:
                picture.shown(preview, picture.PREVIEW)

    def _end(self, context):
        settings = context.scene.wuerst
        settings.running, settings.message = False, ""
        begun = time.monotonic()
        try:
            result = self._run.result()
            for node, message in self._run.warnings():
                self.report({"WARNING"}, f"{node}: {message}")
        except Exception as error:  # cancelled, or what the graph says
            return self._fail(settings, error)
        finally:
            self._run.close()
        settings.fraction = 100
        self._keep(context, result)
        settings.message = f"{(time.monotonic() - begun) * 1000:.0f} ms in Blender"
        return {"FINISHED"}

    def _keep(self, context, result):
        made_by = {"wuerst_graph": self._path, "wuerst_inputs": self._inputs}
        made_by["wuerst_prompt"] = str(self._inputs.get("prompt", ""))
        made_by["wuerst_seed"] = self._inputs.get("seed", 0)
        # Blender sorts images by name.
        made_by["wuerst_made"] = time.time()
        name = made_by["wuerst_prompt"][:40] or os.path.splitext(os.path.basename(self._path))[0]
        several = [result] if len(result.shape) == 3 else _each(result, engine.module().Tensor)
        for tensor in several:
            image = picture.kept(tensor, name, made_by)
        preview = bpy.data.images.get(picture.PREVIEW)
        if preview is not None:
            bpy.data.images.remove(preview)
        for area in context.screen.areas if context.screen else ():
            if area.type == "IMAGE_EDITOR":
                area.spaces.active.image = image
        context.scene.wuerst.problem = ""

    def _fail(self, settings, error):
        cancelled = getattr(error, "code", None) == 9
        settings.running, settings.message = False, "Cancelled" if cancelled else ""
        if not cancelled:
            settings.problem = str(error)
            self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


def _each(batch, tensor_type):
    """The pictures of a batch `(count, height, width, 3)`."""
    size, data = len(bytes(batch)) // batch.shape[0], bytes(batch)
    return [tensor_type("u8", batch.shape[1:], data[at * size : (at + 1) * size]) for at in range(batch.shape[0])]


class WUERST_OT_cancel(bpy.types.Operator):
    """Stop the run; what it had finished stays remembered"""

    bl_idname = "wuerst.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context):
        return context.scene.wuerst.running

    def execute(self, context):
        context.scene.wuerst.stop = True
        return {"FINISHED"}


class WUERST_OT_dice(bpy.types.Operator):
    """Another seed"""

    bl_idname = "wuerst.dice"
    bl_label = "Roll"
    bl_options = {"REGISTER", "UNDO"}

    name: bpy.props.StringProperty(options={"HIDDEN"})

    def execute(self, context):
        context.scene.wuerst.inputs[self.name]["value"] = random.randrange(2**31)
        return {"FINISHED"}


class WUERST_OT_choose(bpy.types.Operator):
    """One of the texts that the input takes"""

    bl_idname = "wuerst.choose"
    bl_label = "Choose"
    bl_options = {"REGISTER", "UNDO"}

    name: bpy.props.StringProperty(options={"HIDDEN"})
    text: bpy.props.StringProperty(options={"HIDDEN"})

    def execute(self, context):
        context.scene.wuerst.inputs[self.name]["value"] = self.text
        return {"FINISHED"}


class WUERST_OT_to_node(bpy.types.Operator):
    """Show the newest picture in an image node of the compositor"""

    bl_idname = "wuerst.to_node"
    bl_label = "Add as node"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return getattr(context.space_data, "edit_tree", None) is not None and newest() is not None

    def execute(self, context):
        tree = context.space_data.edit_tree
        node = tree.nodes.active
        if node is None or node.bl_idname != "CompositorNodeImage":
            node = tree.nodes.new("CompositorNodeImage")
        node.image = newest()
        return {"FINISHED"}


def newest():
    """The picture that was made last."""
    made = [image for image in bpy.data.images if "wuerst_made" in image]
    return max(made, key=lambda image: image["wuerst_made"], default=None)


_CLASSES = (WUERST_OT_generate, WUERST_OT_cancel, WUERST_OT_dice, WUERST_OT_choose, WUERST_OT_to_node)


def register():
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister():
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
