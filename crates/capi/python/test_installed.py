"""What the module finds of its own wheel and of installed packages. Needs no library."""

import importlib
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

from wuerst import _installed


class Installed(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.site = pathlib.Path(folder.name)
        path = mock.patch.object(sys, "path", [folder.name, *sys.path])
        environment = mock.patch.dict(os.environ)
        for patch in (path, environment):
            patch.start()
            self.addCleanup(patch.stop)
        os.environ.pop("WUERST_MODELS", None)
        importlib.invalidate_caches()

    def package(self, name, folder):
        """An installed package of models."""
        (self.site / f"{name}.py").write_text(f"path = {folder!r}\n")
        info = self.site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[wuerst.models]\n{name} = {name}:path\n")
        importlib.invalidate_caches()

    def test_models_come_from_an_installed_package(self):
        self.assertEqual(_installed.models(), "")
        self.package("models_b", "/b")
        self.package("models_a", "/a")
        self.assertEqual(_installed.models(), "/a")
        os.environ["WUERST_MODELS"] = "/named"
        self.assertEqual(_installed.models(), "/named")
        os.environ["WUERST_MODELS"] = ""
        self.assertEqual(_installed.models(), "/a", "an empty variable counts as unset")

    def test_runtime_comes_from_an_installed_package_when_asked(self):
        capi = self.site / "onnxruntime" / "capi"
        capi.mkdir(parents=True)
        (capi.parent / "__init__.py").write_text("raise ImportError('it must not be imported')\n")
        with mock.patch.object(_installed, "_runtime", ""):
            with self.assertRaisesRegex(FileNotFoundError, "pip install onnxruntime"):
                _installed.use_installed_runtime()
            self.assertIsNone(_installed.runtime())
            library = capi / "libonnxruntime.so.1.28.0"
            library.write_text("")
            (capi / "libonnxruntime_providers_shared.so").write_text("")
            self.assertEqual(_installed.use_installed_runtime(), str(library))
            self.assertEqual(_installed.runtime(), str(library))

    def test_graphs_are_a_folder_of_graphs(self):
        self.assertTrue((_installed.graphs / "text-to-image.yaml").is_file())


if __name__ == "__main__":
    unittest.main()
