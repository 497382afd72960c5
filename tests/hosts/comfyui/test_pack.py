"""The node pack against the real library, in the stand-in of ComfyUI, or in ComfyUI itself where COMFYUI names its
folder.

WUERST_TEST_MODELS is a folder with all stages, WUERST_TEST_COMMAND the command whose pictures are the pack's.
"""

import asyncio
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PACK = ROOT / "crates/hosts/comfyui"
_home = tempfile.TemporaryDirectory()
os.environ["COMFYUI_HOME"] = _home.name
sys.path.insert(0, os.environ.get("COMFYUI") or str(pathlib.Path(__file__).parent / "standin"))

if os.environ.get("COMFYUI"):
    from comfy.cli_args import args

    args.cpu = True

import comfy.model_management
import comfy.utils
import folder_paths
import numpy
import torch
import wuerst
from comfy_api.latest import io

folder_paths.models_dir = os.path.join(_home.name, "models")
folder_paths.get_user_directory = lambda: os.path.join(_home.name, "user")
folder_paths.get_temp_directory = lambda: os.path.join(_home.name, "temp")


def _pack():
    spec = importlib.util.spec_from_file_location(
        "wuerst_pack", PACK / "__init__.py", submodule_search_locations=[str(PACK)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["wuerst_pack"] = module
    spec.loader.exec_module(module)
    return module


def _nodes():
    async def listed():
        extension = await PACKAGE.comfy_entrypoint()
        return await extension.get_node_list()

    return {node.define_schema().node_id: node for node in asyncio.run(listed())}


def setUpModule():
    global PACKAGE, NODES
    sets = pathlib.Path(folder_paths.models_dir, "wuerst")
    sets.mkdir(parents=True)
    (sets / "small").symlink_to(os.path.abspath(os.environ["WUERST_TEST_MODELS"]))
    mine = pathlib.Path(folder_paths.get_user_directory(), "wuerst", "graphs")
    mine.mkdir(parents=True)
    text = (ROOT / "graphs/text-to-image.yaml").read_text(encoding="utf-8")
    (mine / "my-graph.yaml").write_text(text, encoding="utf-8")
    (mine / "broken.yaml").write_text("wuerstchen: 1\nnodes: 3\n", encoding="utf-8")
    PACKAGE = _pack()
    NODES = _nodes()


def ran(node_id, **values):
    return NODES[node_id].execute(**values).args


def defaults(node_id):
    """What the widgets of a node show first."""
    inputs = NODES[node_id].define_schema().inputs
    return {each.id: each.default for each in inputs if getattr(each, "default", None) is not None}


def picture(node_id="wuerst_graph_text_to_image", **values):
    return ran(node_id, **{**defaults(node_id), "models": "small", "prompt": "a red apple", **values})[0]


def command(**values):
    """The picture of the command, as f32 [1,h,w,3]."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "image.npy")
        sets = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
        models = os.environ["WUERST_TEST_MODELS"]
        graph = str(ROOT / "graphs/text-to-image.yaml")
        run = [os.environ["WUERST_TEST_COMMAND"], "run", graph, "--models", models, "-o", f"image={out}", *sets]
        subprocess.run(run, check=True, capture_output=True)
        return numpy.load(out).astype(numpy.float32)[None] / numpy.float32(255)


class Listing(unittest.TestCase):
    def test_graphs_and_kinds_are_nodes(self):
        for node_id in (
            "wuerst_graph_text_to_image",
            "wuerst_graph_inpainting",
            "wuerst_user_my_graph",
            "wuerst_wuerst_prior",
        ):
            self.assertIn(node_id, NODES)
        self.assertNotIn("wuerst_user_broken", NODES)
        # Its models are not there; a saved workflow keeps its node.
        self.assertIn("wuerst_graph_cascade", NODES)
        with self.assertRaisesRegex(RuntimeError, "no model `text-encoder-prior`"):
            ran("wuerst_graph_wuerstchen", **{**defaults("wuerst_graph_wuerstchen"), "models": "small", "prompt": "a"})
        self.assertGreater(len(NODES), 35)
        for node in NODES.values():
            schema = node.define_schema()
            schema.validate()
            self.assertTrue(schema.category.startswith("Würstchen"), schema.node_id)

    def test_widgets_have_ranges_and_tooltips(self):
        inputs = {each.id: each for each in NODES["wuerst_graph_text_to_image"].define_schema().inputs}
        self.assertEqual((inputs["seed"].min, inputs["seed"].max), (0, 2**64 - 1))
        self.assertTrue(inputs["seed"].control_after_generate)
        self.assertEqual((inputs["steps"].min, inputs["steps"].max, inputs["steps"].default), (0, 1000, 0))
        self.assertRegex(inputs["steps"].tooltip, r"0: what the model is made for, [1-9]\d* with the first set")
        self.assertEqual((inputs["guidance"].min, inputs["guidance"].default), (-1.0, -1.0))
        self.assertTrue(inputs["prompt"].multiline)
        self.assertEqual(inputs["models"].options[0], "small")

    def test_sockets_tell_values_apart(self):
        sockets = {each.id: each.get_io_type() for each in NODES["wuerst_wuerst_decoder"].define_schema().inputs}
        self.assertEqual(sockets["embedding"], "WUERST_EMBEDDING,WUERST_TENSOR")
        self.assertEqual(
            (sockets["text"], sockets["mask"], sockets["init"]),
            ("WUERST_STATES", "MASK", "WUERST_LATENTS,WUERST_TENSOR"),
        )
        inpainting = {each.id: each.get_io_type() for each in NODES["wuerst_graph_inpainting"].define_schema().inputs}
        self.assertEqual((inpainting["image"], inpainting["mask"]), ("IMAGE", "IMAGE,MASK"))


class Pictures(unittest.TestCase):
    def test_picture_is_the_command_s(self):
        image = picture(seed=7)
        self.assertEqual(tuple(image.shape)[0::3], (1, 3))
        self.assertTrue((image.numpy() == command(prompt="a red apple", seed=7)).all())
        self.assertTrue((picture("wuerst_user_my_graph", seed=7).numpy() == image.numpy()).all())

    def test_seeds_have_64_bits(self):
        self.assertEqual(picture(seed=2**64 - 1).numpy().tobytes(), picture(seed=2**32 - 1).numpy().tobytes())

    def test_widgets_that_are_set_count(self):
        image = picture(seed=7, steps=2, guidance=1.5)
        self.assertTrue((image.numpy() == command(prompt="a red apple", seed=7, steps=2, guidance=1.5)).all())

    def test_batch_is_a_run_for_each_picture(self):
        two = torch.cat([picture(seed=1), picture(seed=2)])
        node = "wuerst_graph_image_to_image"
        both = ran(node, **{**defaults(node), "models": "small", "prompt": "a pear", "image": two, "seed": 3})[0]
        each = [
            ran(
                node, **{**defaults(node), "models": "small", "prompt": "a pear", "image": two[at : at + 1], "seed": 3}
            )[0]
            for at in (0, 1)
        ]
        self.assertEqual(tuple(both.shape), tuple(two.shape))
        self.assertTrue((both.numpy() == torch.cat(each).numpy()).all())

    def test_masks_are_taken(self):
        image = picture(seed=1)
        side = image.shape[1]
        node = "wuerst_graph_inpainting"
        drawn = lambda mask: ran(
            node, **{**defaults(node), "models": "small", "prompt": "a pear", "image": image, "mask": mask}
        )[0]
        nothing, everything = (torch.from_numpy(numpy.full((1, side, side), value, numpy.float32)) for value in (0, 1))
        self.assertTrue((drawn(nothing).numpy() == image.numpy()).all(), "outside of the mask the picture stays")
        self.assertFalse((drawn(everything).numpy() == image.numpy()).all())

    def test_stages_are_wired_in_comfyui(self):
        whole, model = picture(seed=5), lambda name: f"small/{name}"
        ids, mask, _weights = ran(
            "wuerst_wuerst_tokenize",
            **{**defaults("wuerst_wuerst_tokenize"), "text": "a red apple", "model": model("text-encoder")},
        )
        none = ran(
            "wuerst_wuerst_tokenize",
            **{**defaults("wuerst_wuerst_tokenize"), "text": "", "model": model("text-encoder")},
        )
        states = [
            ran("wuerst_wuerst_text_encode", ids=a, mask=b, model=model("text-encoder"))[0]
            for a, b in ((ids, mask), none[:2])
        ]
        prior = {
            **defaults("wuerst_wuerst_prior"),
            "text": states[0],
            "negative": states[1],
            "seed": 5,
            "model": model("prior"),
        }
        embedding, rng = ran("wuerst_wuerst_prior", **prior)
        decoder = {
            **defaults("wuerst_wuerst_decoder"),
            "embedding": embedding,
            "text": states[0],
            "negative": states[1],
            "rng": rng,
        }
        [latents] = ran("wuerst_wuerst_decoder", **decoder, model=model("decoder"))
        image = ran("wuerst_wuerst_vqgan_decode", latents=latents, model=model("vqgan-decoder"))[0]
        self.assertTrue((image.numpy() == whole.numpy()).all())


class Runs(unittest.TestCase):
    def test_progress_and_previews_are_shown(self):
        updates, runs = [], sys.modules["wuerst_pack.wuerst_nodes.runs"]
        update, slice_before = comfy.utils.ProgressBar.update_absolute, runs.SLICE
        try:
            comfy.utils.ProgressBar.update_absolute = lambda _, value, total=None, preview=None: updates.append(
                (value, total, preview)
            )
            # The small model is done within a slice.
            runs.SLICE = 0.002
            picture(seed=11, steps=1000, decoder_steps=1000)
        finally:
            comfy.utils.ProgressBar.update_absolute, runs.SLICE = update, slice_before
        values = [value for value, _, _ in updates]
        self.assertEqual((values, values[-1]), (sorted(values), 1000))
        self.assertTrue(any(preview and preview[0] == "JPEG" for _, _, preview in updates))

    def test_interrupt_stops_and_the_next_run_works(self):
        threading.Timer(0.3, comfy.model_management.interrupt_current_processing).start()
        with self.assertRaises(comfy.model_management.InterruptProcessingException):
            for seed in range(100, 200):
                picture(seed=seed, steps=1000, decoder_steps=1000)
        self.assertEqual(picture(seed=7).shape[0], 1)

    def test_errors_are_the_engine_s_sentence(self):
        with self.assertRaisesRegex(RuntimeError, "width"):
            picture(width=63, height=63)
        with self.assertRaisesRegex(RuntimeError, "there is no set of models 'other': models/wuerst has small"):
            picture(models="other")
        self.assertEqual(picture(seed=7).shape[0], 1)

    def test_release_passes_its_input_on(self):
        image = picture(seed=7)
        self.assertIs(ran("wuerst_release", image=image)[0], image)

    def test_changed_files_change_the_fingerprint(self):
        node, mine = (
            NODES["wuerst_user_my_graph"],
            pathlib.Path(folder_paths.get_user_directory(), "wuerst/graphs/my-graph.yaml"),
        )
        before = node.fingerprint_inputs(models="small")
        self.assertEqual(before, node.fingerprint_inputs(models="small"))
        mine.write_text(mine.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
        self.assertNotEqual(before, node.fingerprint_inputs(models="small"))


if __name__ == "__main__":
    unittest.main()
