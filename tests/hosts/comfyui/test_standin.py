"""The stand-in against ComfyUI itself: what the pack and its tests use has the same names, parameters and order there.

COMFYUI names a clone; the interpreter has what it requires.
"""

import importlib.util
import inspect
import os
import pathlib
import sys
import unittest

STANDIN = pathlib.Path(__file__).parent / "standin"
sys.path.insert(0, os.environ["COMFYUI"])
os.environ["COMFYUI_HOME"] = os.environ["COMFYUI"]

from comfy.cli_args import args

args.cpu = True

import comfy.model_management
import comfy.utils
import folder_paths
import torch
from comfy_api.latest import ComfyExtension, io


def standin(path):
    """A module of the stand-in, next to the real one of that name."""
    spec = importlib.util.spec_from_file_location("standin_" + path.replace("/", "_"), STANDIN / f"{path}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parameters(function):
    return list(inspect.signature(function).parameters)


class Same(unittest.TestCase):
    def test_inputs_take_these_parameters(self):
        ours = standin("comfy_api/latest/_io")
        for name in ("Boolean", "Int", "Float", "String", "Combo", "Image", "Mask"):
            mine, real = getattr(ours, name), getattr(io, name)
            self.assertEqual(mine.io_type, real.io_type)
            wanted = {"id", "display_name", "optional", "tooltip", *mine.Input.extra}
            self.assertLessEqual(wanted, set(parameters(real.Input)), name)
            self.assertLessEqual(
                set(parameters(ours._Output.__init__)), set(parameters(real.Output.__init__)) | {"is_output_list"}, name
            )
        self.assertEqual(
            parameters(ours.MultiType.Input), parameters(io.MultiType.Input)[: len(parameters(ours.MultiType.Input))]
        )
        self.assertEqual(ours.Custom("X").io_type, io.Custom("X").io_type)
        several = [io.Image, io.Mask]
        self.assertEqual(
            ours.MultiType.Input("a", several).get_io_type(), io.MultiType.Input("a", several).get_io_type()
        )

    def test_schemas_and_results_are_the_same(self):
        ours = standin("comfy_api/latest/_io")
        self.assertLessEqual(set(parameters(ours.Schema)), set(parameters(io.Schema)))
        self.assertEqual(parameters(ours.NodeOutput), parameters(io.NodeOutput))
        twice = [io.Image.Input("a")], [io.Image.Output("a")]
        for schema in (ours.Schema, io.Schema):
            with self.assertRaisesRegex(ValueError, "unique between inputs and outputs"):
                schema(node_id="n", inputs=twice[0], outputs=twice[1]).validate()
        self.assertTrue(inspect.iscoroutinefunction(ComfyExtension.get_node_list))

    def test_modules_have_these_functions(self):
        for path, module in (
            ("comfy/utils", comfy.utils),
            ("comfy/model_management", comfy.model_management),
            ("folder_paths", folder_paths),
        ):
            ours = standin(path)
            for name, mine in vars(ours).items():
                if name.startswith("_") or inspect.ismodule(mine) or name == "models_dir":
                    continue
                real = getattr(module, name)
                if inspect.isfunction(mine):
                    self.assertEqual(parameters(mine), parameters(real)[: len(parameters(mine))], f"{path}: {name}")
        self.assertTrue(issubclass(comfy.model_management.InterruptProcessingException, Exception))
        self.assertEqual(parameters(comfy.utils.ProgressBar.update_absolute), ["self", "value", "total", "preview"])

    def test_tensors_behave_alike(self):
        ours = standin("torch")
        array = __import__("numpy").arange(12, dtype="float32").reshape(1, 2, 2, 3)
        for module in (ours, torch):
            tensor = module.from_numpy(array)
            both = module.cat([tensor, tensor])
            self.assertEqual((tuple(both.shape), both.dim()), ((2, 2, 2, 3), 4))
            self.assertEqual(
                (both[1] / 2.0).detach().to("cpu", module.float32).numpy().tolist(), (array[0] / 2).tolist()
            )


if __name__ == "__main__":
    unittest.main()
