"""Graphs, pictures and files through the module; variables as in test_wuerst.py."""

import os
import pathlib
import signal
import tempfile
import threading
import time
import unittest

import wuerst
from test_wuerst import ECHO, GRAPH, MODELS


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

    def test_outputs_are_saved_as_files(self):
        job = self.engine.open(GRAPH).job(prompt="a")
        with tempfile.TemporaryDirectory() as folder:
            at = lambda name: pathlib.Path(folder, name)
            seen = []
            job.save("image", at("a.png"), progress=lambda *step: seen.append(step))
            job.save("image", at("b.png"), mark=False)
            job.save("embedding", at("c.npy"))
            marked, bare = at("a.png").read_bytes(), at("b.png").read_bytes()
            self.assertTrue(seen and bare.startswith(b"\x89PNG") and b"trainedAlgorithmicMedia" in marked)
            self.assertNotIn(b"trainedAlgorithmicMedia", bare)
            embedding = job.get("embedding")
            self.assertTrue(at("c.npy").read_bytes().endswith(bytes(embedding)))
            with self.assertRaisesRegex(wuerst.Error, "write it as .npy"):
                job.save("image", at("d.txt"))
            with self.assertRaises(wuerst.Error) as refused:
                job.save("image", at("nowhere/e.png"))
            self.assertEqual((refused.exception.code, at("d.txt").exists()), (wuerst.FILE, False))

    def test_inputs_that_are_left_out(self):
        graph = self.engine.open(GRAPH)
        self.assertEqual((graph.left_out("prompt"), graph.left_out("negative"), graph.left_out("seed")), (None, "", 0))
        self.assertGreaterEqual(graph.left_out("steps"), 1)
        self.assertIsInstance(graph.left_out("guidance"), float)
        job = graph.job(prompt="a")
        height, width, _ = job.get("image").shape
        self.assertEqual((graph.left_out("width"), graph.left_out("height")), (width, height))
        self.assertEqual(job.get("image"), graph.job(prompt="a", steps=graph.left_out("steps")).get("image"))

    def test_graphs_open_before_their_models_are_there(self):
        engine = wuerst.Engine(models="/nowhere")
        with self.assertRaises(wuerst.Error):
            engine.open(GRAPH)
        graph = engine.open(GRAPH, without_models=True)
        self.assertEqual(
            [port.name for port in graph.inputs()], [port.name for port in self.engine.open(GRAPH).inputs()]
        )
        missing = dict(graph.missing_models())
        self.assertIn("no model `prior`", missing["prior.model"])
        with self.assertRaises(wuerst.Error) as refused:
            graph.job(prompt="a").get("image")
        self.assertEqual(refused.exception.code, wuerst.NOT_FOUND)

    def test_roles_and_titles(self):
        graph = self.engine.open(GRAPH)
        roles = {port.name: port.role for port in graph.outputs()}
        self.assertEqual(roles, {"image": "picture", "embedding": "embedding", "pixels": "picture"})
        titles = {port.name: port.title for port in graph.inputs()}
        self.assertEqual((titles["prompt"], titles["decoder_steps"]), ("Prompt", "Decoder steps"))
        kind = {kind.kind: kind for kind in self.engine.kinds()}["mask.load"]
        self.assertEqual((kind.inputs[0].role, kind.outputs[0].role), ("mask", "mask"))
        swapped = {"vqgan.latents": "$prior.embedding"}
        with self.assertRaisesRegex(wuerst.Error, r"takes latents, but `\$prior.embedding` gives embedding"):
            self.engine.graph(pathlib.Path(GRAPH).read_text(encoding="utf-8"), swapped)

    def test_digest_of_a_graph(self):
        text = pathlib.Path(GRAPH).read_text(encoding="utf-8")
        digest = self.engine.graph(text).digest()
        self.assertEqual(digest, self.engine.graph("# a comment\n" + text.replace("vqgan:", "last:").replace("$vqgan", "$last")).digest())
        self.assertNotEqual(digest, self.engine.graph(text, {"prior.steps": 3}).digest())
        with self.assertRaises(wuerst.Error) as refused:
            wuerst.Engine(models="/nowhere").open(GRAPH, without_models=True).digest()
        self.assertEqual(refused.exception.code, wuerst.NOT_FOUND)

    def test_functions_are_nodes_by_a_decorator(self):
        engine = wuerst.Engine()

        @engine.node("test.times", "a: int, b: int = 2 -> c: int", ports="a: One.")
        def times(a, b):
            """Multiplies.

            Nothing else.
            """
            return a * b

        @engine.node("test.pair", "a: int -> b: int, name: text", about="Two.")
        def pair(call, a):
            return a, call.node()

        self.assertEqual(times(3, 4), 12)
        kinds = {kind.kind: kind for kind in engine.kinds()}
        self.assertEqual((kinds["test.times"].about, kinds["test.pair"].about), ("Multiplies.", "Two."))
        graph = engine.graph(
            "wuerstchen: 1\ninputs: { a: int }\nnodes:\n  x: { use: test.times, with: { a: $a } }\n"
            "  y: { use: test.pair, with: { a: $x.c } }\noutputs: { b: $y.b, name: $y.name }\n"
        )
        self.assertEqual(graph.job(a=21).get_all(["b", "name"]), [42, "y"])
        with self.assertRaisesRegex(wuerst.Error, "taken|already"):
            engine.node("test.times", "-> a: int")(lambda: 1)

    def test_models_from_memory_and_by_a_function(self):
        want = self.engine.open(GRAPH).job(prompt="a", steps=2, decoder_steps=2).get("image")
        folder = pathlib.Path(MODELS)
        contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".onnx", ".json")}
        kept, read = wuerst.Engine(models="/nowhere"), wuerst.Engine(models="/nowhere")
        asked = []
        for name, content in contents.items():
            kept.add_file(name, content)

            def part(offset, count, name=name, content=content):
                asked.append(name)
                # As a host would decrypt it.
                return bytes(content[offset : offset + count])

            read.add_file(name, part, len(content))
        for engine in (kept, read):
            job = engine.graph(pathlib.Path(GRAPH).read_text(encoding="utf-8")).job(prompt="a", steps=2, decoder_steps=2)
            self.assertEqual(job.get("image"), want)
        self.assertIn("prior.onnx", asked)
        with self.assertRaisesRegex(wuerst.Error, "added before"):
            kept.add_file("prior.onnx", b"")
        broken = wuerst.Engine(models="/nowhere")
        broken.add_file("prior.onnx", lambda offset, count: 1 / 0, 10)
        with self.assertRaisesRegex(wuerst.Error, "the host did not read it"):
            broken.graph(pathlib.Path(GRAPH).read_text(encoding="utf-8"))

    def test_values_are_refused_when_set(self):
        job = self.engine.open(GRAPH).job(prompt="a")
        with self.assertRaisesRegex(wuerst.Error, "width"):
            job["width"] = 63
        job["width"] = 128

    def test_steps_changes_and_kinds(self):
        text = pathlib.Path(GRAPH).read_text(encoding="utf-8")
        graph = self.engine.graph(text, {"prior.steps": 3, "prior.seed": "5", "vqgan.latents": "$decoder.latents"})
        prior = {node.name: node for node in graph.nodes()}["prior"]
        self.assertEqual((prior.kind, prior.arguments["steps"], prior.arguments["seed"]), ("wuerst.prior", 3, 5))
        self.assertEqual(prior.arguments["text"], "$text.states")
        kind = {kind.kind: kind for kind in self.engine.kinds()}["wuerst.prior"]
        self.assertIn("steps", [port.name for port in kind.inputs])
        self.assertTrue(kind.about and kind.version and not kind.is_volatile)

    def test_marks(self):
        self.assertEqual(self.engine.graph(ECHO).job(number=1.0).xmp("number"), "")
        job = self.engine.open(pathlib.Path(GRAPH)).job(prompt="a red apple")
        packet = job.xmp("image")
        self.assertIn("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia", packet)
        self.assertTrue(packet.startswith("<?xpacket begin=") and packet.endswith("?>"), packet)
        with self.assertRaisesRegex(wuerst.Error, "did you mean `image`"):
            job.xmp("imag")

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
        with self.assertRaisesRegex(wuerst.Error, "pryor"):
            wuerst.Engine(lora="pryor=style.safetensors")

    def test_paths_need_not_be_utf_8(self):
        with tempfile.TemporaryDirectory() as parent:
            folder = pathlib.Path(os.fsdecode(os.path.join(os.fsencode(parent), b"f\xff")))
            try:
                folder.mkdir()
            except OSError:
                self.skipTest("the file system takes UTF-8 alone")
            graph, words = folder / os.fsdecode(b"g\xfe.yaml"), folder / os.fsdecode(b"w\xfd.txt")
            nodes = "{ a: { use: text.load, with: { file: $file } } }"
            inputs = "{ file: file }"
            text = f"wuerstchen: 1\ninputs: {inputs}\nnodes: {nodes}\noutputs: {{ text: $a.text }}\n"
            graph.write_text(text, "utf-8")
            words.write_text("a red apple", "utf-8")
            settings = folder / "wuerst.yaml"
            settings.write_text("settings: 1\n", "utf-8")
            engine = wuerst.Engine(models=folder, files=folder, outputs=folder, settings=settings)
            engine.open_graph("test.words", graph)
            for path in (graph, os.fspath(graph)):
                job = engine.open(path).job(file=words)
                self.assertEqual(job.get("text"), "a red apple")
            with self.assertRaises(wuerst.Error) as refused:
                job["file"] = folder / os.fsdecode(b"none\xfc")
            self.assertEqual(refused.exception.code, wuerst.FILE)
            with self.assertRaises(wuerst.Error) as refused:
                engine.graph(ECHO).job()["words"] = words
            self.assertEqual(refused.exception.code, wuerst.INVALID)

    def test_settings_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "wuerst.yaml"
            text = "wuerstchen: 1\ninputs: { words: text }\nnodes: {}\noutputs: { words: $words }\n"
            (pathlib.Path(folder) / "echo.yaml").write_text(text, "utf-8")
            path.write_text("settings: 1\nsubgraphs: { house.echo: echo.yaml }\n", "utf-8")
            kinds = [kind.kind for kind in wuerst.Engine(settings=path).kinds()]
            self.assertIn("house.echo", kinds)
            path.write_text("settings: 1\nthread: 2\n", "utf-8")
            with self.assertRaises(wuerst.Error) as refused:
                wuerst.Engine(settings=path)
            place = refused.exception.places[0]
            self.assertEqual((place.line, place.column, refused.exception.code), (2, 1, wuerst.INVALID))
            self.assertIn("did you mean `threads`?", str(refused.exception))


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
            "nodes: {a: {use: wuerst.vqgan_decode_batch, with: {latents: $latents, model: vqgan-decoder}}}}"
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

    def test_ctrl_c_ends_a_run(self):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            for name, callbacks in {"without": {}, "with": {"progress": lambda *_: None}}.items():
                job = self.job._graph.job(prompt="a pear", steps=1000, decoder_steps=1000, seed=len(name))
                seen = []
                timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
                timer.start()
                with self.assertRaises(KeyboardInterrupt):
                    job.get("image", **callbacks)
                timer.join()
                report = job.report()["nodes"]
                ran = [node["node"] for node in report if node["did"] == "ran"]
                self.assertFalse({"decoder", "vqgan"}.intersection(ran), seen)
                job["steps"], job["decoder_steps"] = 1, 1
                self.assertEqual(job.get("image").dtype, "u8", "the next run works")
        finally:
            signal.signal(signal.SIGINT, before)

    def test_callbacks_come_in_this_thread_and_never_wait(self):
        threads, refused = set(), []

        def progress(*_):
            threads.add(threading.get_ident())
            if not refused:
                for wait in (self.job.get, self.job._graph.job(prompt="a").get):
                    with self.assertRaises(wuerst.Error) as caught:
                        wait("image")
                    refused.append(caught.exception.code)
                refused.append(isinstance(self.job.report(), dict))

        self.job.get("image", progress=progress)
        self.assertEqual((threads, refused), ({threading.get_ident()}, [wuerst.INVALID, wuerst.INVALID, True]))
        refused.clear()
        running = self.job.start("image", progress=progress)
        self.job["seed"] = 8
        running.result()
        running = self.job.start("image", progress=progress)
        running.result()
        self.assertEqual(refused, [wuerst.INVALID, wuerst.INVALID, True])

    def test_an_exception_in_a_callback_ends_the_run(self):
        def fail(*_):
            raise KeyError("mine")

        with self.assertRaises(KeyError):
            self.job.get("image", progress=fail)


if __name__ == "__main__":
    unittest.main()
