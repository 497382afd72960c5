"""The panel, in the image editor and in the compositor."""

import textwrap

import bpy

from . import controls, picture


def _draw(layout, context):
    settings = context.scene.wuerst
    if not settings.path:
        controls.begin_soon()
    row = layout.row(align=True)
    row.prop(settings, "menu", text="")
    row.prop(settings, "path", text="")
    column = layout.column()
    column.enabled = not settings.running
    for choice in settings.inputs:
        _control(column, choice)
    if settings.running:
        layout.prop(settings, "fraction", text=settings.message or "Starting", slider=True)
        layout.operator("wuerst.cancel", icon="X")
        preview = bpy.data.images.get(picture.PREVIEW)
        if preview is not None:
            layout.template_icon(preview.preview_ensure().icon_id, scale=8)
    else:
        layout.operator("wuerst.generate", icon="IMAGE_DATA")
        if settings.message:
            layout.label(text=settings.message)
    if settings.problem:
        box = layout.box()
        box.alert = True
        for at, line in enumerate(textwrap.wrap(settings.problem, 48)):
            box.label(text=line, icon="ERROR" if at == 0 else "BLANK1")


def _control(layout, choice):
    label = choice.title
    row = layout.row(align=True)
    if choice.kind == "picture":
        row.label(text=label)
        row.template_ID(choice, "image", open="image.open")
        return
    if choice.optional:
        row.prop(choice, "given", text="")
    field = row.row(align=True)
    field.enabled = choice.given or not choice.optional
    if choice.kind == "file":
        field.prop(choice, '["value"]', text=label)
        row.template_ID(choice, "image", open="image.open")
    elif choice.choices:
        field.label(text=label)
        for text in choice.choices.split("\n"):
            chosen = field.operator("wuerst.choose", text=text, depress=choice["value"] == text)
            chosen.name, chosen.text = choice.name, text
    else:
        field.prop(choice, '["value"]', text=label, slider=choice.kind == "float")
        if choice.name.endswith("seed"):
            field.operator("wuerst.dice", text="", icon="FILE_REFRESH").name = choice.name


class WUERST_PT_image(bpy.types.Panel):
    bl_label = "Würstchen"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Würstchen"

    def draw(self, context):
        _draw(self.layout, context)


class WUERST_PT_compositor(bpy.types.Panel):
    bl_label = "Würstchen"
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Würstchen"

    @classmethod
    def poll(cls, context):
        return context.space_data.tree_type == "CompositorNodeTree"

    def draw(self, context):
        _draw(self.layout, context)
        self.layout.operator("wuerst.to_node", icon="NODETREE")


_CLASSES = (WUERST_PT_image, WUERST_PT_compositor)


def register():
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister():
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
