"""The module against the real library; WUERST_LIBRARY, WUERST_TEST_MODELS and WUERST_TEST_GRAPH name its files."""

import array
import fractions
import os
import pathlib
import unittest

import wuerst

MODELS, GRAPH = os.environ["WUERST_TEST_MODELS"], os.environ["WUERST_TEST_GRAPH"]
ECHO = """
wuerstchen: 1
inputs:
  number: float = 1.5 {0.0..2.0}
  words: text = "ü"
  flag: bool = false
  count: int?
  pixels: u8[h,w,3]?
nodes: {}
outputs: { number: $number, words: $words, flag: $flag, count: $count, pixels: $pixels }
"""


class Values(unittest.TestCase):
    def setUp(self):
        self.job = wuerst.Engine(models=MODELS).graph(ECHO).job()

    def test_values_come_back_as_they_were(self):
        pixels = wuerst.Tensor("u8", (1, 2, 3), bytes(range(6)))
        values = {"number": 0.25, "words": "a red apple 🍎", "flag": True, "count": -7, "pixels": pixels}
        for name, value in values.items():
            self.job[name] = value
            self.assertEqual(self.job.get(name), value)

    def test_defaults(self):
        self.assertEqual((self.job.get("number"), self.job.get("words"), self.job.get("flag")), (1.5, "ü", False))

    def test_an_int_serves_for_a_float_and_text_is_read(self):
        self.job["number"] = 1
        self.assertEqual(self.job.get("number"), 1.0)
        self.job.set_text("count", "12")
        self.assertEqual(self.job.get("count"), 12)

    def test_buffers_are_tensors(self):
        self.job["pixels"] = memoryview(bytes(range(12))).cast("B", (2, 2, 3))
        tensor = self.job.get("pixels")
        self.assertEqual((tensor.dtype, tensor.shape, bytes(tensor)), ("u8", (2, 2, 3), bytes(range(12))))
        self.assertEqual(tensor.memoryview()[1, 0, 2], 8)

    def test_numpy_when_it_is_there(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("no NumPy")
        pixels = numpy.arange(12, dtype=numpy.uint8).reshape(2, 2, 3)
        self.job["pixels"] = pixels
        self.assertTrue((self.job.get("pixels").numpy() == pixels).all())

    def test_numpy_scalars_are_numbers(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("no NumPy")
        for name in "int8 int16 int32 int64 uint8 uint16 uint32 uint64 longlong ulonglong intp".split():
            self.job["count"] = getattr(numpy, name)(3)
            self.assertEqual(self.job.get("count"), 3)
        for name in "float16 float32 float64 longdouble".split():
            self.job["number"] = getattr(numpy, name)(1.5)
            self.assertEqual(self.job.get("number"), 1.5)
        self.job["count"], self.job["number"] = numpy.array(7), numpy.array(0.5)
        self.job["flag"], self.job["words"] = numpy.bool_(True), numpy.str_("a")
        self.assertEqual([self.job.get(name) for name in ("count", "number", "flag", "words")], [7, 0.5, True, "a"])
        self.job["count"] = numpy.uint64(2**64 - 1)
        self.assertEqual(self.job.get("count"), 2**64 - 1)
        for value in (numpy.complex64(1), numpy.datetime64("2026-01-01")):
            with self.assertRaises((TypeError, wuerst.Error)):
                self.job["number"] = value

    def test_numbers_are_what_has_index_or_float(self):
        class Index:
            def __index__(self):
                return 5

        self.job["count"], self.job["number"] = Index(), fractions.Fraction(1, 4)
        self.assertEqual((self.job.get("count"), self.job.get("number")), (5, 0.25))

    def test_whole_numbers_have_64_bits(self):
        for value in (2**64 - 1, 2**63, -(2**63), 0):
            self.job["count"] = value
            self.assertEqual(self.job.get("count"), value)
        self.job.set_text("count", str(2**64 - 1))
        self.assertEqual(self.job.get("count"), 2**64 - 1)

    def test_what_is_no_value(self):
        for value in (object(), 1j, memoryview(b"12").cast("b")):
            with self.assertRaises(TypeError):
                self.job["count"] = value
        for value in (2**64, -(2**63) - 1):
            with self.assertRaises(OverflowError):
                self.job["count"] = value
        with self.assertRaises(ValueError):
            wuerst.Tensor("f32", (2,), b"1234567")


class Memory(unittest.TestCase):
    def test_pictures_in_other_layouts(self):
        picture = wuerst.Tensor("u8", (2, 1, 3), bytes([255, 0, 0, 0, 255, 0]))
        floats = array.array("f", [7.0] * 8)
        picture.copy_to(floats, "rgba32f", bottom_up=True)
        self.assertEqual(list(floats), [0, 1, 0, 1, 1, 0, 0, 1])
        pixels = bytearray(8)
        picture.copy_to(pixels, "bgra8")
        self.assertEqual(list(pixels), [0, 0, 255, 255, 0, 255, 0, 255])
        with self.assertRaises(ValueError):
            picture.copy_to(bytearray(9), "bgra8")
        self.assertEqual(picture.digest(), wuerst.Tensor("u8", (2, 1, 3), bytes(picture)).digest())
        self.assertEqual(wuerst.Tensor.from_picture(pixels, 1, 2, "bgra8"), picture)
        self.assertEqual(wuerst.Tensor.from_picture(floats, 1, 2, bottom_up=True).dtype, "f32")
        with self.assertRaises(ValueError):
            wuerst.Tensor.from_picture(b"", 1, 2)
        half = wuerst.Tensor("f16", (1,), b"\0\x3c")
        self.assertEqual(list(half.as_type("f32").memoryview()), [1.0])


class Nodes(unittest.TestCase):
    def setUp(self):
        self.engine = wuerst.Engine(models=MODELS)

    def job(self, use, declared, **inputs):
        wires = ", ".join(f"{name}: ${name}" for name in declared)
        declared = ", ".join(f"{name}: '{kind}'" for name, kind in declared.items())
        nodes = f"{{a: {{use: {use}, with: {{{wires}}}}}}}"
        return self.engine.graph(
            f"{{wuerstchen: 1, inputs: {{{declared}}}, outputs: {{y: $a.y}}, nodes: {nodes}}}"
        ).job(**inputs)

    def test_a_node_in_python_runs(self):
        seen = []

        def run(call, x, by):
            seen.append((call.node(), call.step(1, 2), call.has(1), call.wants_preview()))
            call.preview(wuerst.Tensor("u8", (1, 1, 3), b"abc"))
            call.warn("listen")
            return x + (by or 0)

        def check(call, x, by):
            if x == 13:
                raise ValueError("x: is thirteen")

        self.engine.add("test.sum", "x: int, by: int? -> y: int", run, check=check, about="Adds.", expected_ms=3)
        job = self.job("test.sum", {"x": "int", "by": "int?"}, x=2**64 - 3)
        warnings = []
        job["by"] = 2
        self.assertEqual(job.get("y", warning=lambda *told: warnings.append(told)), 2**64 - 1)
        self.assertEqual((seen, warnings), ([("a", True, True, False)], [("a", "listen")]))
        job["x"] = 13
        with self.assertRaises(wuerst.Error) as caught:
            job.get("y")
        self.assertEqual(caught.exception.code, wuerst.INVALID)
        self.assertIn("`a`: x: is thirteen", str(caught.exception))
        with self.assertRaises(wuerst.Error):
            self.engine.add("test.sum", "-> y: int", run)

    def test_a_node_in_python_fails(self):
        def run(call, x):
            raise KeyError("mine")

        self.engine.add("test.fails", "x: int -> y: int", run)
        with self.assertRaises(wuerst.Error) as caught:
            self.job("test.fails", {"x": "int"}, x=1).get("y")
        self.assertEqual(caught.exception.code, wuerst.NODE)
        self.assertIn("KeyError: 'mine'", str(caught.exception))

    def test_state_and_batch(self):
        content, ran = [b"a"], []

        def run(call, rows):
            ran.append(rows.shape)
            return rows

        more = {"state": lambda call, rows: content[0], "batch": lambda call: ("rows", (), "")}
        self.engine.add("test.rows", "rows: f32[b,1] -> y: f32[b,1]", run, **more)
        rows = wuerst.Tensor("f32", (3, 1), array.array("f", [1, 2, 3]).tobytes())
        job = self.job("test.rows", {"rows": "f32[b,1]"}, rows=rows)
        self.assertEqual((job.get("y"), ran), (rows, [(1, 1)] * 3))
        job.get("y")
        self.assertEqual(len(ran), 3)
        content[0] = b"b"
        job.get("y")
        self.assertEqual(len(ran), 6)

    def test_graphs_are_kinds(self):
        self.engine.add_graph("test.part", "{wuerstchen: 1, inputs: {x: int}, outputs: {y: $x}, nodes: {}}")
        self.assertEqual(self.job("test.part", {"x": "int"}, x=7).get("y"), 7)
        self.engine.open_graph("test.file", pathlib.Path(GRAPH))
        self.assertIn("test.file", [kind.kind for kind in self.engine.kinds()])


class Errors(unittest.TestCase):
    def setUp(self):
        self.engine = wuerst.Engine(models=MODELS)

    def raised(self, call, *arguments):
        with self.assertRaises(wuerst.Error) as caught:
            call(*arguments)
        return caught.exception

    def test_a_wrong_graph_says_where(self):
        error = self.raised(self.engine.graph, "wuerstchen: 1\nnodes: {}\noutputs: { a: $b, c: $d }\n")
        self.assertEqual((error.code, len(error.places)), (wuerst.GRAPH, 2))
        self.assertEqual(error.places[0].line, 3)
        self.assertIn("3:", str(error))

    def test_codes(self):
        job = self.engine.graph(ECHO).job()
        self.assertEqual(self.raised(job.get, "nothing").code, wuerst.NOT_FOUND)
        self.assertEqual(self.raised(job.__setitem__, "number", 3.0).code, wuerst.INVALID)
        self.assertEqual(self.raised(self.engine.open, "/nowhere.yaml").code, wuerst.FILE)
        self.assertEqual(self.raised(self.engine.load_plugin, "/nowhere.so").code, wuerst.NOT_FOUND)

    def test_closed_handles(self):
        with self.engine.graph(ECHO).job() as job:
            job["count"] = 1
        job.close()
        with self.assertRaises(ValueError):
            job.get("count")


if __name__ == "__main__":
    unittest.main()
