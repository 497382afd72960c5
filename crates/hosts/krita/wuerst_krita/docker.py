"""The docker: a graph, its inputs, a button, and how far it has come."""

from krita import DockWidget

from . import controls, engine, layers
from .qt import QtCore, QtWidgets

# Milliseconds between two looks at a run.
_PACE = 50


class Docker(DockWidget):
    """Makes layers by graphs, while Krita goes on."""

    def __init__(self):
        super().__init__()
        self.setWindowTitle("Würstchen")
        self.controls, self.graph, self.run, self.layer = {}, None, None, None
        self._timer = QtCore.QTimer()
        self._timer.setInterval(_PACE)
        self._timer.timeout.connect(self._look)
        self._lay_out()
        self._list()

    def _lay_out(self):
        inside = QtWidgets.QWidget()
        rows = QtWidgets.QVBoxLayout(inside)
        self.menu = QtWidgets.QComboBox()
        self.menu.currentIndexChanged.connect(self._chosen)
        rows.addWidget(self.menu)
        self._form = QtWidgets.QWidget()
        QtWidgets.QFormLayout(self._form)
        rows.addWidget(self._form)
        self.button = QtWidgets.QPushButton("Generate")
        self.button.clicked.connect(self.press)
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, 1000)
        self.message = QtWidgets.QLabel()
        self.message.setWordWrap(True)
        for widget in (self.button, self.bar, self.message):
            rows.addWidget(widget)
        rows.addStretch()
        area = QtWidgets.QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        self.setWidget(area)

    def canvasChanged(self, _canvas):
        """Krita calls this for each view; the docker serves whatever is active."""

    def _list(self):
        files = engine.graphs()
        for path in files:
            self.menu.addItem(path.stem.replace("-", " ").capitalize(), str(path))
        if not files:
            self.message.setText("There are no graphs: set WUERST_GRAPHS to their folder")

    def _chosen(self, _index):
        self.open(self.menu.currentData())

    def open(self, path):
        """Shows the inputs of a graph; those that it shares with the one before keep what was written."""
        kept = {name: control.text() for name, control in self.controls.items()}
        self.controls = {}
        layout = self._form.layout()
        while layout.rowCount():
            layout.removeRow(0)
        try:
            self.graph = engine.graph(path)
            for control in controls.of(self.graph):
                name = control.port.name
                if name in kept and kept[name] and not isinstance(control.widget, QtWidgets.QCheckBox):
                    control.set(kept[name])
                self.controls[name] = control
                layout.addRow(control.port.title, control.widget)
            missing = [message for _, message in self.graph.missing_models()]
            self._say(missing[0] if missing else "")
        except Exception as error:  # a missing library, or what the graph says
            self.graph = None
            self._say(str(error))

    def _say(self, text):
        self.message.setText(text)

    def press(self):
        """Begins a run, or cancels the one that is under way."""
        if self.run is not None:
            self.run.cancel()
            return
        if self.graph is None:
            return
        shown = layers.document()
        try:
            job = self.graph.job()
            for name, control in self.controls.items():
                value = control.value(shown)
                if value is not None:
                    job[name] = value
            self.run = job.start(controls.picture_output(self.graph))
        except Exception as error:  # values that are refused
            self._say(str(error))
            return
        self._say("")
        self.button.setText("Cancel")
        self._timer.start()

    def _look(self):
        status = self.run.poll()
        self.bar.setValue(int(status.fraction * 1000))
        if not self.run.done():
            self._say(f"{status.node}: {status.done} of {status.of}" if status.of else status.node)
            return
        self._timer.stop()
        run, self.run = self.run, None
        self.button.setText("Generate")
        try:
            picture = run.result()
            warnings = [f"{node}: {message}" for node, message in run.warnings()]
            self._keep(picture)
            self._say("; ".join(warnings))
        except Exception as error:  # cancelled, or what the graph says
            self._say(str(error))
        finally:
            run.close()

    def _keep(self, picture):
        height, width, _ = picture.shape
        shown = layers.document() or layers.new_document(width, height)
        prompt = self.controls.get("prompt")
        name = (prompt.text() if prompt else "")[:40] or self.menu.currentText()
        self.layer = layers.add_layer(shown, picture, name)
