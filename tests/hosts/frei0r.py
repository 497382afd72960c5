#!/usr/bin/env python3
"""The frei0r plug-in in the real hosts, FFmpeg, MLT and GStreamer, against the command's picture.

    .ci/hosts frei0r           installs the hosts, builds, and runs this

Prints what each host did, how often the engine really made a picture, and how long that took; writes a frame with a
picture and one with an error card into the folder that it is given.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "a red apple, twemoji style"


class Tree:
    """The plug-in as an installed tree has it: two names for one library, beside the engine's."""

    def __init__(self, built, folder):
        self.folder = folder
        self.command = built / "wuerst"
        for name in ("wuerstchen.so", "wuerstchen_filter.so"):
            shutil.copy(built / "libwuerst_frei0r.so", folder / name)
        shutil.copy(built / "libwuerst.so", folder / "libwuerst.so.0")
        for name in ("graphs", "models"):
            (folder / name).symlink_to(ROOT / name)

    def environment(self, **more):
        path = str(self.folder)
        return {**os.environ, "FREI0R_PATH": path, "MLT_FREI0R_PLUGIN_PATH": path, "WUERST_VERBOSE": "1", **more}


def run(words, env, timeout=300):
    """What a program wrote to stdout and to stderr, and how long it took."""
    begun = time.monotonic()
    done = subprocess.run(words, env=env, capture_output=True, timeout=timeout)
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\nended with {done.returncode}:\n{said}")
    return done.stdout, said, time.monotonic() - begun


def made(said):
    """How often the engine made a picture."""
    return len(re.findall(r"made a picture in \d+ ms", said))


def escaped(text):
    """A value inside FFmpeg's filter graph: for the list of parameters, for the option, and for the graph."""
    for special in (r"([\\'|])", r"([\\':])", r"([\\',\[\];])"):
        text = re.sub(special, r"\\\1", text)
    return text


def raw(path):
    """The pixels of a PNG as RGBA."""
    words = ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgba", "-"]
    return run(words, os.environ)[0]


def ffmpeg(tree, parameters, size="64x64", frames=1, name="wuerstchen", **env):
    """Frames of the generator as RGBA, and what was said."""
    values = "|".join(escaped(value) for value in parameters)
    source = f"frei0r_src=size={size}:framerate=5:filter_name={name}:filter_params={values}"
    words = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"{source},trim=end_frame={frames}"]
    return run([*words, "-f", "rawvideo", "-pix_fmt", "rgba", "-"], tree.environment(**env))


def same(name, got, wanted, tolerance=0):
    if len(got) != len(wanted):
        sys.exit(f"{name}: {len(got)} bytes, wanted {len(wanted)}")
    off = max((abs(a - b) for a, b in zip(got, wanted)), default=0)
    print(f"{name}: largest difference to the command's picture {off} of 255")
    if off > tolerance:
        sys.exit(f"{name}: is another picture")


def pictures(tree, out):
    """The same picture as the command's, from both hosts, made once for many frames."""
    wanted = out / "command.png"
    words = [tree.command, "generate", PROMPT, "--seed", "7", "-o", wanted, "--no-metadata"]
    run([*words, "--models", ROOT / "models/icons"], os.environ)
    wanted = raw(wanted)

    # prompt, negative, width, height, seed: the order of the graph's inputs.
    parameters = [PROMPT, "", "", "", "7"]
    frames, said, seconds = ffmpeg(tree, parameters, frames=20)
    print(f"ffmpeg: 20 frames in {seconds:.1f} s, {made(said)} picture made")
    if made(said) != 1:
        sys.exit(f"ffmpeg: nothing changed, yet {made(said)} pictures were made:\n{said}")
    for at in (0, 19):
        size = len(wanted)
        same(f"ffmpeg, frame {at}", frames[at * size : (at + 1) * size], wanted)

    shown = out / "melt.png"
    words = ["melt", "frei0r.wuerstchen", f"prompt={PROMPT}", "seed=7", "out=9", "-profile", "square_ntsc"]
    consumer = ["-consumer", f"avformat:{shown}", "vcodec=png", "width=64", "height=64", "update=1"]
    _, said, seconds = run([*words, *consumer], tree.environment(QT_QPA_PLATFORM="offscreen"))
    print(f"melt: 10 frames in {seconds:.1f} s, {made(said)} picture made")
    if not 1 <= made(said) <= 2:
        sys.exit(f"melt: {made(said)} pictures were made:\n{said}")
    # MLT computes in YUV, with chroma at half the size.
    pixels = raw(shown)
    mean = sum(abs(a - b) for a, b in zip(pixels, wanted)) / len(wanted)
    print(f"melt: mean difference to the command's picture {mean:.1f} of 255")
    if len(pixels) != len(wanted) or mean > 16:
        sys.exit("melt: is another picture")


def gstreamer(tree, out):
    """A pipeline of GStreamer with the generator, whose element is called by the plug-in's name."""
    shown = out / "gstreamer.png"
    source = ["frei0r-src-wuerstchen", f"prompt={PROMPT}", "seed=7", "num-buffers=1"]
    words = [
        "gst-launch-1.0",
        "-q",
        *source,
        "!",
        "video/x-raw,width=64,height=64",
        "!",
        "pngenc",
        "!",
        "filesink",
        f"location={shown}",
    ]
    # Its list of plug-ins would otherwise stay with the user.
    run(words, tree.environment(GST_REGISTRY=str(out / "registry.bin")))
    same("gstreamer", raw(shown), raw(out / "command.png"))


def characters(tree, folder):
    """A prompt of characters that hosts keep for themselves comes from a file."""
    prompt = 'a red | "fox", 100%: it\'s \\ [good]; würstchen 狐 \U0001f98a'
    text = folder / "prompt.txt"
    text.write_text(prompt + "\n", encoding="utf-8")
    out = folder / "fox.png"
    run([tree.command, "generate", prompt, "-o", out, "--models", ROOT / "models/icons"], os.environ)
    frames, said, _ = ffmpeg(tree, [f"@{text}"])
    same("a prompt of any characters, from a file", frames, raw(out))
    frames, said, _ = ffmpeg(tree, [prompt])
    same("the same escaped in the filter graph", frames, raw(out))


def cards(tree, out):
    """What goes wrong is said in the frame and on stderr, and the host goes on."""
    nowhere = {
        "a missing graph": {"WUERST_GRAPH": "/nowhere.yaml"},
        "a missing library": {"WUERST_LIBRARY": "/nowhere.so"},
    }
    nowhere["missing models"] = {"WUERST_MODELS": "/nowhere"}
    for name, env in nowhere.items():
        frame, said, _ = ffmpeg(tree, [PROMPT], size="480x120", **env)
        if "nowhere" not in said or frame[:4] != bytes([96, 16, 24, 255]):
            sys.exit(f"{name}: no card, or no clear message:\n{said}")
        print(f"{name}: {' / '.join(said.strip().splitlines()[:2])}")
    frame, said, _ = ffmpeg(tree, [PROMPT, "", "63", ""], size="480x120")
    if frame[:4] != bytes([96, 16, 24, 255]):
        sys.exit(f"a size that cannot be made: no card:\n{said}")
    print(f"a size that cannot be made: {said.strip().splitlines()[0]}")
    words = ["ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgba", "-s", "480x120", "-i", "-"]
    subprocess.run([*words, "-frames:v", "1", out / "card.png"], input=frame, check=True)


def filters(tree, out):
    """Frames through the filter: one picture for each frame that differs."""
    source = "testsrc2=size=96x64:rate=2:duration=2,frei0r=filter_name=wuerstchen_filter"
    source += f":filter_params={escaped(PROMPT)}||0.5|3"
    words = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-f", "rawvideo", "-pix_fmt", "rgba", "-"]
    frames, said, seconds = run(words, tree.environment())
    print(f"ffmpeg, filter: {len(frames) // (96 * 64 * 4)} frames in {seconds:.1f} s, {made(said)} pictures made")
    if len(frames) != 4 * 96 * 64 * 4 or made(said) < 4:
        sys.exit(f"the filter did not run on each frame:\n{said}")
    still = source.replace("testsrc2=", "color=c=red:")
    words[6] = still
    _, said, _ = run(words, tree.environment())
    print(f"ffmpeg, filter: 4 equal frames, {made(said)} picture made")
    if made(said) != 1:
        sys.exit(f"equal frames were made anew:\n{said}")


def screenshot(tree, out):
    """What the page shows: the generator in a wide frame over grey."""
    values = "|".join([escaped(PROMPT), "", "", "", "7"])
    source = f"frei0r_src=size=640x360:framerate=1:filter_name=wuerstchen:filter_params={values}"
    graph = (
        f"color=c=gray:size=640x360,format=rgba[grey];{source}[made];[grey][made]overlay=shortest=1,trim=end_frame=1"
    )
    words = ["ffmpeg", "-y", "-v", "error", "-filter_complex", graph, "-frames:v", "1", out / "frame.png"]
    run(words, tree.environment())


def main():
    built, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(built, Path(folder))
        pictures(tree, out)
        gstreamer(tree, out)
        characters(tree, Path(folder))
        cards(tree, out)
        filters(tree, out)
        screenshot(tree, out)
    print("frei0r: all good")


if __name__ == "__main__":
    main()
