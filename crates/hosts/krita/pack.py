"""The plug-in as a zip that Krita installs, out of a tree of .ci/dist:   pack.py TREE FILE.zip

With the module, the library, ONNX Runtime, the graphs, the small model and the licences. The same files give the same
bytes.
"""

import sys
import zipfile
from pathlib import Path

NAME = "wuerst_krita"
_HERE = Path(__file__).resolve().parent


def parts(tree):
    """Pairs of a name in the zip and a file."""
    yield f"{NAME}.desktop", _HERE / f"{NAME}.desktop"
    for folder, inside in (
        (_HERE / NAME, ""),
        (tree / "python/wuerst", "wuerst/"),
        (tree / "share/wuerst/graphs", "share/wuerst/graphs/"),
        (tree / "share/wuerst/models", "share/wuerst/models/"),
        (tree / "share/doc/wuerst", "doc/"),
    ):
        for file in folder.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield f"{NAME}/{inside}{file.relative_to(folder).as_posix()}", file
    # By the names that the plug-in looks for; a zip has no links.
    for pattern, name in (("libwuerst.so.?", "libwuerst.so.0"), ("libonnxruntime*", "libonnxruntime.so")):
        yield f"{NAME}/lib/{name}", next((tree / "lib").glob(pattern))


def main(tree, target):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(parts(Path(tree))):
            about = zipfile.ZipInfo(name)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            archive.writestr(about, file.read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
