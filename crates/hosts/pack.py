"""An add-on as a zip that Blender or Krita installs, out of a tree of .ci/dist:   pack.py ADD-ON TREE FILE.zip

ADD-ON is its folder, such as crates/hosts/blender/wuerst_blender; a file of this name with .desktop at its end goes along. With
the module, the library, ONNX Runtime, the graphs, the small model and the licences. The same files give the same bytes.
"""

import sys
import zipfile
from pathlib import Path


def parts(addon, tree):
    """Pairs of a name in the zip and a file."""
    desktop = addon.with_suffix(".desktop")
    if desktop.exists():
        yield desktop.name, desktop
    for folder, inside in (
        (addon, ""),
        (tree / "python/wuerst", "wuerst/"),
        (tree / "share/wuerst/graphs", "share/wuerst/graphs/"),
        (tree / "share/wuerst/models", "share/wuerst/models/"),
        (tree / "share/doc/wuerst", "doc/"),
    ):
        for file in folder.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield f"{addon.name}/{inside}{file.relative_to(folder).as_posix()}", file
    # By the names that the add-ons look for; a zip has no links.
    for pattern, name in (("libwuerst.so.?", "libwuerst.so.0"), ("libonnxruntime*", "libonnxruntime.so")):
        yield f"{addon.name}/lib/{name}", next((tree / "lib").glob(pattern))


def main(addon, tree, target):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(parts(Path(addon), Path(tree))):
            about = zipfile.ZipInfo(name)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            archive.writestr(about, file.read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
