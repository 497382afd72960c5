"""Schemas of nodes. Parameters are named and placed as in ComfyUI; what the pack does not use is left out."""


class _Input:
    socket = None

    def __init__(self, id, display_name=None, optional=False, tooltip=None, lazy=None, **more):
        self.id, self.display_name, self.optional, self.tooltip, self.lazy = id, display_name, optional, tooltip, lazy
        self.more = more
        self.__dict__.update(more)

    def get_io_type(self):
        return self.socket


class _Output:
    socket = None

    def __init__(self, id=None, display_name=None, tooltip=None, is_output_list=False):
        self.id, self.display_name, self.tooltip, self.is_output_list = id, display_name, tooltip, is_output_list

    @property
    def io_type(self):
        return self.socket


class _Type:
    io_type = None


def _with(names):
    """An input that takes these parameters too, each by its name."""

    class Widget(_Input):
        extra = names

        def __init__(self, id, *, display_name=None, optional=False, tooltip=None, lazy=None, **more):
            unknown = set(more) - set(names)
            if unknown:
                raise TypeError(f"unexpected parameters: {sorted(unknown)}")
            super().__init__(id, display_name, optional, tooltip, lazy, **more)

    return Widget


def _made(name, names=()):
    made = type(name, (_Type,), {"io_type": name})
    made.Input = type("Input", (_with(tuple(names)),), {"socket": name})
    made.Output = type("Output", (_Output,), {"socket": name})
    return made


Boolean = _made("BOOLEAN", ["default", "label_on", "label_off"])
Int = _made("INT", ["default", "min", "max", "step", "control_after_generate"])
Float = _made("FLOAT", ["default", "min", "max", "step", "round"])
String = _made("STRING", ["default", "multiline", "placeholder", "dynamic_prompts"])
Combo = _made("COMBO", ["options", "default", "control_after_generate"])
Image = _made("IMAGE")
Mask = _made("MASK")


def Custom(io_type):
    """A type of a pack's own."""
    return _made(io_type)


class MultiType(_Type):
    """An input of several types."""

    class Input(_Input):
        def __init__(self, id, types, display_name=None, optional=False, tooltip=None, lazy=None, extra_dict=None):
            super().__init__(id, display_name, optional, tooltip, lazy)
            self.types = types

        def get_io_type(self):
            return ",".join(each.io_type for each in self.types)


class Schema:
    """A node's inputs and outputs."""

    def __init__(
        self, node_id, display_name=None, category="sd", inputs=None, outputs=None, hidden=None, description=""
    ):
        self.node_id, self.display_name, self.category, self.description = node_id, display_name, category, description
        self.inputs, self.outputs, self.hidden = inputs or [], outputs or [], hidden

    def validate(self):
        """Ids are unique over inputs and outputs."""
        ids = [each.id for each in [*self.inputs, *self.outputs]]
        twice = {each for each in ids if ids.count(each) > 1}
        if twice:
            raise ValueError(f"Ids must be unique between inputs and outputs, but {twice} are not.")


class ComfyNode:
    """A node."""


class NodeOutput:
    """The results of a node."""

    def __init__(self, *args, ui=None, expand=None, block_execution=None):
        self.args, self.ui, self.expand, self.block_execution = args, ui, expand, block_execution

    @property
    def result(self):
        return self.args or None
