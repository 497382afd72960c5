"""Puts the command, the library, ONNX Runtime, graphs and licences of a tree of `.ci/dist` or `.ci/windows` into the wheel.

WUERST_TREE names the tree, WUERST_PLATFORM the wheel's platform tag, as manylinux_2_28_x86_64.
"""

import os
import pathlib
import sysconfig

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    """Called by hatchling before it packs."""

    def initialize(self, version, build_data):
        if "WUERST_TREE" not in os.environ:
            raise SystemExit("WUERST_TREE must name a tree of .ci/dist: run .ci/wheels, which makes one")
        tree = pathlib.Path(os.environ["WUERST_TREE"])
        command, library, name, runtime = ("bin/wuerst", "lib/libwuerst.so.*", "libwuerst.so", "lib/libonnxruntime.so*")
        if (tree / "bin/wuerst.exe").exists():
            command, library, name, runtime = ("bin/wuerst.exe", "bin/wuerst.dll", "wuerst.dll", "bin/onnxruntime.dll")
        [library] = [path for path in tree.glob(library) if not path.is_symlink()]
        runtimes = [path for path in tree.glob(runtime) if not path.is_symlink()]
        if len(runtimes) != 1:
            raise SystemExit(f"{tree} holds {len(runtimes)} libraries of ONNX Runtime; one is needed")
        included = {
            tree / command: f"wuerst/{command}",
            library: f"wuerst/lib/{name}",
            runtimes[0]: f"wuerst/lib/{runtimes[0].name}",
            tree / "share/wuerst/graphs": "wuerst/share/wuerst/graphs",
        }
        for licence in (tree / "share/doc/wuerst").iterdir():
            if "LICENSE" in licence.name or "ThirdPartyNotices" in licence.name:
                included[licence] = f"wuerst/share/doc/wuerst/{licence.name}"
        build_data["force_include"].update({str(source): target for source, target in included.items()})
        platform = os.environ.get("WUERST_PLATFORM") or sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
