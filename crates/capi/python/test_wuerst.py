"""The module against the real library: WUERST_LIBRARY, WUERST_TEST_MODELS and WUERST_TEST_GRAPH say where things are."""

import array
import os
import pathlib
import time
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


class Descriptions(unittest.TestCase):
    def setUp(self):
        self.engine = wuerst.Engine(models=MODELS)

    def test_inputs_and_outputs(self):
        graph = self.engine.graph(ECHO)
        number, words, _, count, pixels = graph.inputs()
        self.assertEqual((number.name, number.type, number.initial), ("number", "float", 1.5))
        self.assertEqual((number.minimum, number.maximum, number.optional), (0.0, 2.0, False))
        self.assertEqual((words.initial, count.optional, pixels.type_text), ("ü", True, "u8[h,w,3]"))
        self.assertEqual([port.name for port in graph.outputs()], ["number", "words", "flag", "count", "pixels"])

    def test_steps_changes_and_kinds(self):
        text = pathlib.Path(GRAPH).read_text(encoding="utf-8")
        graph = self.engine.graph(text, {"prior.steps": 3, "prior.seed": "5", "vqgan.latents": "$decoder.latents"})
        prior = {step.name: step for step in graph.steps()}["prior"]
        self.assertEqual((prior.kind, prior.arguments["steps"], prior.arguments["seed"]), ("wuerst.prior", 3, 5))
        self.assertEqual(prior.arguments["text"], "$text.states")
        kind = {kind.kind: kind for kind in self.engine.kinds()}["wuerst.prior"]
        self.assertIn("steps", [port.name for port in kind.inputs])
        self.assertTrue(kind.about and kind.version and not kind.is_volatile)

    def test_digests(self):
        job = self.engine.graph(ECHO).job(number=1.0)
        before = job.digest("number")
        job["number"] = 2.0
        self.assertNotEqual(job.digest("number"), before)
        job.unset("number")
        self.assertEqual(job.get("number"), 1.5)
        self.assertEqual(len(before), 64)

    def test_versions_and_options(self):
        self.assertRegex(wuerst.version(), r"^\d+\.\d+\.\d+$")
        with self.assertRaises(TypeError):
            wuerst.Engine(modles="a")
        with self.assertRaises(wuerst.Error):
            wuerst.Engine(stage_devices="pryor=cpu")


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

    def test_pictures_of_a_batch_come_one_by_one(self):
        graph = self.job._graph._engine.graph(
            "{wuerstchen: 1, inputs: {latents: 'f32[b,4,H,W]'}, outputs: {images: $a.images}, "
            "nodes: {a: {use: wuerst.vqgan_batch, with: {latents: $latents, model: vqgan-decoder}}}}"
        )
        latents, seen = wuerst.Tensor("f32", (2, 4, 4, 4), bytes(4 * 128)), []
        images = graph.job(latents=latents).get("images", part=lambda *part: seen.append(part))
        self.assertEqual([part[:3] for part in seen], [("images", 0, 2), ("images", 1, 2)])
        self.assertEqual(seen[0][3].shape, (1, *images.shape[1:]))

    def test_a_run_in_the_background(self):
        running, previews = self.job.start("image", "embedding"), 0
        while not running.done():
            preview, status = running.preview(), running.poll()
            previews += preview is not None
            self.assertTrue(0 <= status.fraction <= 1)
            time.sleep(0.001)
        self.assertEqual((running.poll().state, running.poll().fraction, running.warnings()), ("done", 1.0, []))
        self.assertEqual(running.result(), self.job.get_all(["image", "embedding"]))
        with self.assertRaises(wuerst.Error):
            running.result()
        self.assertIn("nodes", self.job.report())
        self.assertEqual(self.job._graph._engine.report()["models"][0]["device"], "cpu")

    def test_a_run_in_the_background_is_stopped(self):
        running = self.job.start("image")
        running.cancel()
        self.assertTrue(running.wait(120))
        with self.assertRaises(wuerst.Error) as caught:
            running.result()
        self.assertEqual((caught.exception.code, running.poll().state), (wuerst.CANCELLED, "stopped"))
        self.job.start("image").close()

        def fail(*_):
            raise KeyError("mine")

        with self.assertRaises(KeyError):
            self.job.start("image", progress=fail).result()

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
