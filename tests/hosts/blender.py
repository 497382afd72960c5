#!/usr/bin/env python3
"""The Blender add-on inside Blender: run by `blender -b --python`, or by a Python that has `bpy`.

    .ci/hosts blender

Makes pictures with two graphs, compares one with the command's, cancels one, saves and reads the file again, undoes,
and reads the messages for what is missing. Prints what it did; any mistake ends it with 1.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "a red apple, twemoji style"
GRAPHS = ROOT / "graphs"
sys.path[:0] = [str(ROOT / "crates/hosts/blender"), str(ROOT / "crates/capi/python")]

import wuerst_blender  # noqa: E402 needs the paths above
from wuerst_blender import controls, engine, generate, picture  # noqa: E402


def check(good, what):
    if not good:
        raise AssertionError(what)
    print(f"  {what}")


def chosen(graph, **values):
    settings = bpy.context.scene.wuerst
    settings.path = str(graph)
    check(not settings.problem, f"{graph.name} is read: {settings.problem or len(settings.inputs)} controls")
    for name, value in values.items():
        choice = settings.inputs[name]
        if isinstance(value, bpy.types.Image):
            choice.image = value
        else:
            choice["value"], choice.given = value, True
    return settings


def rgb(image):
    return bytes(picture.pixels(image, engine.module().Tensor))


def command(folder, seed):
    """The command's picture as Blender reads it."""
    out = folder / "command.png"
    words = [os.environ["WUERST_COMMAND"], "generate", PROMPT, "--seed", str(seed), "-o", out]
    subprocess.run([*words, "--models", os.environ["WUERST_MODELS"]], check=True, capture_output=True, cwd=ROOT)
    return bpy.data.images.load(str(out))


def first_graph():
    print("a fresh scene")
    settings = bpy.context.scene.wuerst
    check(not settings.path and os.path.basename(settings.menu) == "text-to-image.yaml", "the menu shows text-to-image")
    controls.begin()
    check(not settings.problem and "prompt" in settings.inputs, "which is loaded")
    settings.path = "image-to-image"
    check("strength" in settings.inputs, f"a script names a graph of the menu: {settings.problem or settings.path}")


def pictures(folder):
    print("a picture of text")
    settings = chosen(GRAPHS / "text-to-image.yaml", prompt=PROMPT, seed=7)
    kinds = {choice.name: choice.kind for choice in settings.inputs}
    check(kinds["prompt"] == "text" and kinds["seed"] == "int" and kinds["guidance"] == "float", "controls have kinds")
    begun = time.monotonic()
    check(bpy.ops.wuerst.generate() == {"FINISHED"}, "the operator finishes")
    print(f"  {time.monotonic() - begun:.2f} s, models loaded on the way")
    made = generate.newest()
    check(rgb(made) == rgb(command(folder, 7)), "the pixels are the command's, byte for byte")
    check(made["wuerst_prompt"] == PROMPT and made.packed_file is not None, "it is packed, and knows its prompt")
    check(json.loads(made["wuerst_inputs"])["seed"] == 7 and json.loads(made["wuerst_seed"]) == 7, "and its seed")

    begun = time.monotonic()
    check(bpy.ops.wuerst.generate() == {"FINISHED"}, "the same again")
    print(f"  {(time.monotonic() - begun) * 1000:.0f} ms, of which the engine remembers all but the copying")
    check(rgb(generate.newest()) == rgb(made), "gives the same picture")

    print("a picture of a picture")
    settings = chosen(GRAPHS / "image-to-image.yaml", image=made, prompt="a green apple, twemoji style", strength=0.5)
    check(
        settings.inputs["strength"].id_properties_ui("value").as_dict()["max"] == 1.0, "a slider has the graph's limit"
    )
    check(bpy.ops.wuerst.generate() == {"FINISHED"}, "the operator finishes")
    other = generate.newest()
    check(other != made and rgb(other) != rgb(made), "it is another picture")

    settings = chosen(GRAPHS / "frame-to-frame.yaml", image=made, prompt="a green apple, twemoji style")
    check(settings.inputs["image"].kind == "picture", "an input that is a picture takes an image")
    check(bpy.ops.wuerst.generate() == {"FINISHED"}, "and the operator finishes")
    return made


def saved(folder, name, pixels):
    print("saved and read again")
    path = str(folder / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    image = bpy.data.images[name]
    check(image["wuerst_prompt"] == PROMPT and rgb(image) == pixels, "picture and properties are there")
    settings = bpy.context.scene.wuerst
    check(settings.inputs["prompt"]["value"] == "a green apple, twemoji style", "so are the controls")


def cancelled():
    print("a run that is cancelled")
    settings = chosen(GRAPHS / "text-to-image.yaml", prompt=PROMPT, seed=8, steps=900)
    before = len(bpy.data.images)
    look = generate.WUERST_OT_generate._look
    looks = []

    def stopping(self, settings):
        looks.append(time.monotonic())
        settings.stop = len(looks) > 2
        look(self, settings)

    generate.WUERST_OT_generate._look = stopping
    try:
        check(bpy.ops.wuerst.generate() == {"CANCELLED"}, "the operator says so")
    finally:
        generate.WUERST_OT_generate._look = look
    print(f"  {(time.monotonic() - looks[2]) * 1000:.0f} ms after it was asked to")
    check(settings.message == "Cancelled" and len(bpy.data.images) == before, "no picture, no error")
    settings.inputs["steps"].given = False
    check(bpy.ops.wuerst.generate() == {"FINISHED"}, "the next run is good")


def refused(what, *words):
    """Runs the graph, which must fail with these words in the panel."""
    settings = bpy.context.scene.wuerst
    try:
        check(bpy.ops.wuerst.generate() == {"CANCELLED"}, f"{what} is refused")
    except RuntimeError:
        pass  # an operator's report is an exception to a script
    check(all(word in settings.problem for word in words), f"{what}: {settings.problem}")
    check(not settings.running, "and nothing runs")


def messages(folder):
    print("messages")
    settings = chosen(GRAPHS / "text-to-image.yaml", prompt=PROMPT, seed=7, width=63)
    refused("a size that cannot be made", "width")
    settings.inputs["width"].given = False
    settings.path = str(folder / "none.yaml")
    check("none.yaml" in settings.problem, f"a missing graph: {settings.problem}")
    wrong = folder / "wrong.yaml"
    wrong.write_text((GRAPHS / "text-to-image.yaml").read_text().replace("wuerst.vqgan_decode", "wuerst.vqgan_decoed"))
    settings.path = str(wrong)
    check("wuerst.vqgan_decode" in settings.problem, f"a wrong graph: {settings.problem}")
    settings = chosen(GRAPHS / "text-to-image.yaml", prompt=PROMPT)
    models, os.environ["WUERST_MODELS"] = os.environ["WUERST_MODELS"], str(folder / "no-models")
    refused("a missing folder of models", "no-models")
    os.environ["WUERST_MODELS"] = models


def missing_library():
    """In a process of its own: a library that is loaded stays."""
    print("a missing library")
    bpy.context.scene.wuerst.path = str(GRAPHS / "text-to-image.yaml")
    problem = bpy.context.scene.wuerst.problem
    check("nowhere" in problem and "WUERST_LIBRARY" in problem, problem)


def main():
    print(f"Blender {bpy.app.version_string}, Python {sys.version.split()[0]}")
    wuerst_blender.register()
    if "nowhere" in os.environ.get("WUERST_LIBRARY", ""):
        missing_library()
    else:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            os.environ["WUERST_GRAPHS"] = str(GRAPHS)
            first_graph()
            made = pictures(folder)
            name, pixels = made.name, rgb(made)
            saved(folder, name, pixels)
            cancelled()
            messages(folder)
    # What stays registered can keep the bpy module from ending.
    wuerst_blender.unregister()
    print("blender: all good")


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stdout.flush()
        os._exit(1)
