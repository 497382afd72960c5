"""A control for each input of a graph."""

import math

from . import engine, layers
from .qt import QtWidgets

LAYER, IMAGE, SELECTION, FILE = "Active layer", "Whole image", "Selection", "File…"


class Control:
    """One input: its widget, and the value that it stands for."""

    def __init__(self, port, left_out):
        self.port, self.left_out = port, left_out
        self.widget = self._made()
        self.widget.setToolTip(port.about)

    def _made(self):
        port = self.port
        if port.type == "bool":
            box = QtWidgets.QCheckBox()
            box.setChecked(bool(port.initial))
            return box
        if port.choices:
            box = QtWidgets.QComboBox()
            box.addItems(([""] if port.optional else []) + list(port.choices))
            box.setCurrentText(port.initial or "")
            return box
        if port.role in ("picture", "mask") and port.type in ("tensor", "file"):
            box = QtWidgets.QComboBox()
            box.addItems([SELECTION, LAYER, IMAGE] if port.role == "mask" else [LAYER, IMAGE])
            if port.type == "file":
                box.addItem(FILE)
                box.activated.connect(self._choose)
            return box
        if port.type == "text" and port.name in ("prompt", "negative", "text"):
            edit = QtWidgets.QPlainTextEdit(str(port.initial or ""))
            edit.setFixedHeight(60)
            return edit
        edit = QtWidgets.QLineEdit("" if port.initial is None else str(port.initial))
        if self.left_out is not None:
            edit.setPlaceholderText(f"{self.left_out}, as the model says")
        elif port.optional:
            edit.setPlaceholderText("left out")
        return edit

    def _choose(self, _index):
        if self.widget.currentText() == FILE:
            path, _ = QtWidgets.QFileDialog.getOpenFileName(self.widget, self.port.title)
            if path:
                self.widget.addItem(path)
                self.widget.setCurrentText(path)

    def text(self):
        """What is written or chosen."""
        if isinstance(self.widget, QtWidgets.QComboBox):
            return self.widget.currentText()
        return self.widget.toPlainText() if isinstance(self.widget, QtWidgets.QPlainTextEdit) else self.widget.text()

    def set(self, value):
        """Sets the control, as a script does."""
        if isinstance(self.widget, QtWidgets.QCheckBox):
            self.widget.setChecked(bool(value))
        elif isinstance(self.widget, QtWidgets.QComboBox):
            if self.widget.findText(str(value)) < 0:
                self.widget.addItem(str(value))
            self.widget.setCurrentText(str(value))
        elif isinstance(self.widget, QtWidgets.QPlainTextEdit):
            self.widget.setPlainText(str(value))
        else:
            self.widget.setText(str(value))

    def value(self, shown):
        """The value for a job; None if the input is left out. `shown` is the document, or None."""
        port = self.port
        if isinstance(self.widget, QtWidgets.QCheckBox):
            return self.widget.isChecked()
        text = self.text()
        if text in (LAYER, IMAGE, SELECTION) and port.role in ("picture", "mask"):
            return self._picture(shown, text)
        if text == FILE or (text == "" and port.optional):
            return None
        if port.type in ("int", "float"):
            try:
                return int(text) if port.type == "int" else float(text)
            except ValueError:
                raise ValueError(f"{port.title} wants a number, and this is {text!r}") from None
        return text

    def _picture(self, shown, choice):
        tensor = engine.module().Tensor
        if shown is None:
            raise ValueError(f"{self.port.title} takes a picture: open an image first")
        if choice == SELECTION:
            mask = layers.mask_of(shown, tensor)
            return layers.shares_of(mask, tensor) if self.port.type == "tensor" else mask
        node = shown.rootNode() if choice == IMAGE else layers.active(shown)
        return layers.picture_of(shown, node, tensor)


def of(graph):
    """Controls for the inputs that can be set here: all but numbers in shapes."""
    controls = []
    for port in graph.inputs():
        if port.type == "tensor" and port.role not in ("picture", "mask"):
            continue
        left_out = graph.left_out(port.name) if port.optional else None
        if isinstance(left_out, float) and not math.isfinite(left_out):
            left_out = None
        controls.append(Control(port, left_out))
    return controls


def picture_output(graph):
    """The name of the first output that is a picture."""
    for port in graph.outputs():
        if port.role == "picture" and port.type_text.startswith("u8") and port.type_text.count(",") == 2:
            return port.name
    raise engine.Missing("this graph has no output that is a picture, u8[h,w,3]: choose another")
