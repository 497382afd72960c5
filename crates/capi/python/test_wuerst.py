"""The module against the real library: WUERST_LIBRARY, WUERST_TEST_MODELS and WUERST_TEST_GRAPH say where things are."""

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
        for name, value in {"number": 0.25, "words": "a red apple 🍎", "flag": True, "count": -7, "pixels": pixels}.items():
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

    def test_what_is_no_value(self):
        for value, error in [(object(), TypeError), (2**63, OverflowError), (memoryview(b"12").cast("b"), TypeError)]:
            with self.assertRaises(error):
                self.job["count"] = value
        with self.assertRaises(ValueError):
            wuerst.Tensor("f32", (2,), b"1234567")


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


class Pictures(unittest.TestCase):
    def setUp(self):
        self.job = wuerst.Engine(models=MODELS).open(pathlib.Path(GRAPH)).job(prompt="a red apple", seed=7, steps=4)

    def test_a_picture_with_progress(self):
        seen = []
        image = self.job.get("image", progress=lambda *step: seen.append(step))
        self.assertEqual((image.dtype, len(image.shape), image.shape[2]), ("u8", 3, 3))
        self.assertIn(("prior", 4, 4), seen)
        self.assertEqual(self.job.get("image"), image)

    def test_a_run_beside_this_thread(self):
        running = self.job.start("image")
        self.assertTrue(running.wait(120))
        self.assertTrue(running.done())
        self.assertEqual(running.result(), self.job.get("image"))

    def test_cancel(self):
        error = None
        try:
            self.job.get("image", progress=lambda *_: self.job.cancel())
        except wuerst.Error as caught:
            error = caught
        self.assertEqual(error and error.code, wuerst.CANCELLED)
        self.assertEqual(self.job.get("image").dtype, "u8")

    def test_an_exception_in_a_callback_ends_the_run(self):
        def fail(*_):
            raise KeyError("mine")

        with self.assertRaises(KeyError):
            self.job.get("image", progress=fail)


if __name__ == "__main__":
    unittest.main()
