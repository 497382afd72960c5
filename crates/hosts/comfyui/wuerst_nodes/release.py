"""A node that gives memory back: ComfyUI's own button does not reach the engine."""

from comfy_api.latest import io

from . import engines


class Release(io.ComfyNode):
    """Unloads the models once its input is there, and passes that on."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="wuerst_release",
            display_name="Würstchen: release memory",
            category="Würstchen",
            description="Unloads all Würstchen models and forgets remembered results, once the picture is there.",
            inputs=[io.Image.Input("image", tooltip="Passed on unchanged; the models go after it was made.")],
            outputs=[io.Image.Output("out_image", display_name="image")],
        )

    @classmethod
    def execute(cls, image):
        engines.release()
        return io.NodeOutput(image)
