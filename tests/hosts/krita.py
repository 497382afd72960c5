"""The docker in Krita's own Python:   kritarunner -s krita_docker

Run by .ci/hosts, which puts this file on Krita's path as krita_docker. Prints what it did; a file named by WUERST_DONE says
that all of it was right, since kritarunner's exit code is always 0.
"""

import os
import subprocess
import sys
import tempfile
import traceback

from PyQt5 import QtCore, QtWidgets

PROMPT, SEED = "a red apple", 7


def wait(docker, ticks=None):
    """Runs Krita's event loop until the docker's run has ended; returns how often it went round."""
    rounds = 0
    while docker.run is not None:
        QtWidgets.QApplication.processEvents(QtCore.QEventLoop.AllEvents, 50)
        QtCore.QThread.msleep(10)
        rounds += 1
        if ticks is not None and rounds == ticks:
            docker.press()
    return rounds


def pixels(node, width, height):
    bgra = bytes(node.pixelData(0, 0, width, height))
    return bytes(channel for at in range(0, len(bgra), 4) for channel in (bgra[at + 2], bgra[at + 1], bgra[at]))


def of_command(folder):
    """The picture that the command makes."""
    out = os.path.join(folder, "image.npy")
    run = [os.environ["WUERST_COMMAND"], "run", os.path.join(os.environ["WUERST_GRAPHS"], "text-to-image.yaml")]
    run += ["--models", os.environ["WUERST_MODELS"], "--set", f"prompt={PROMPT}", "--set", f"seed={SEED}", "-o", f"image={out}"]
    subprocess.run(run, check=True)
    with open(out, "rb") as file:
        return file.read()[-64 * 64 * 3 :]


def check(docker, krita, folder):
    from wuerst_krita import engine, layers

    # The form is made of the graph.
    assert docker.menu.currentText() == "Text to image", docker.menu.currentText()
    assert {"prompt", "steps", "seed", "width"} <= set(docker.controls), sorted(docker.controls)
    assert "as the model says" in docker.controls["steps"].widget.placeholderText()

    # A picture becomes a layer, and is the command's.
    shown = krita.createDocument(64, 64, "test", "RGBA", "U8", "", 72.0)
    shown.setBatchmode(True)
    layers.document = lambda: shown
    before = len(shown.topLevelNodes())
    docker.controls["prompt"].set(PROMPT)
    docker.controls["seed"].set(SEED)
    docker.press()
    rounds = wait(docker)
    assert len(shown.topLevelNodes()) == before + 1, docker.message.text()
    assert docker.layer.name() == PROMPT and rounds > 2, (docker.layer.name(), rounds)
    own = of_command(folder)
    assert pixels(docker.layer, 64, 64) == own, "the layer is another picture than the command's"
    print(f"krita: a layer after {rounds} rounds of the event loop")

    # What is refused, before anything runs.
    docker.controls["width"].set(63)
    docker.press()
    assert docker.run is None and "width" in docker.message.text(), docker.message.text()
    docker.controls["width"].set("many")
    docker.press()
    assert docker.run is None and "wants a number" in docker.message.text(), docker.message.text()
    docker.controls["width"].set("")

    # A run is cancelled, and the next one is good.
    docker.controls["steps"].set(1000)
    docker.controls["decoder_steps"].set(1000)
    docker.press()
    assert wait(docker, ticks=5) < 1000 and "cancelled" in docker.message.text(), docker.message.text()
    assert len(shown.topLevelNodes()) == before + 1
    docker.controls["steps"].set("")
    docker.controls["decoder_steps"].set("")

    # A layer and the selection go in: what is not selected stays as it is.
    docker.open(os.path.join(os.environ["WUERST_GRAPHS"], "inpainting.yaml"))
    assert docker.controls["prompt"].text() == PROMPT, "texts are kept"
    picture = layers.picture_of(shown, docker.layer, engine.module().Tensor)
    assert bytes(picture) == own
    docker.controls["prompt"].set("a green apple")
    docker.press()
    assert docker.run is None and "nothing is selected" in docker.message.text(), docker.message.text()
    from krita import Selection

    selection = Selection()
    selection.select(0, 0, 32, 64, 255)
    shown.setSelection(selection)
    docker.press()
    wait(docker)
    made = pixels(docker.layer, 64, 64)
    assert docker.layer.name() == "a green apple", docker.message.text()
    right = [made[at * 3 : at * 3 + 3] == own[at * 3 : at * 3 + 3] for at in range(64 * 64) if at % 64 >= 40]
    left = [made[at * 3 : at * 3 + 3] == own[at * 3 : at * 3 + 3] for at in range(64 * 64) if at % 64 < 24]
    assert all(right) and not all(left), (sum(right), sum(left))
    print("krita: the selection was made anew, and the rest stayed")

    # A document of 16 bits takes and gives pictures, too.
    deep = krita.createDocument(64, 64, "deep", "RGBA", "U16", "", 72.0)
    layers.document = lambda: deep
    node = layers.add_layer(deep, engine.module().Tensor("u8", (64, 64, 3), own), "apple")
    assert bytes(layers.picture_of(deep, node, engine.module().Tensor)) == own
    deep.refreshProjection()
    whole = bytes(layers.picture_of(deep, deep.rootNode(), engine.module().Tensor))
    assert max(abs(one - other) for one, other in zip(whole, own)) <= 1, "16 bits there and back"

    # Without a document there is a new one, and without a library the docker says so.
    docker.open(os.path.join(folder, "nowhere.yaml"))
    assert "nowhere.yaml" in docker.message.text() and docker.graph is None, docker.message.text()
    docker.press()
    for document in (shown, deep):
        document.close()


def __main__(*_arguments):
    try:
        from krita import Krita
        from wuerst_krita.docker import Docker

        docker = Docker()
        with tempfile.TemporaryDirectory() as folder:
            check(docker, Krita.instance(), folder)
        with open(os.environ["WUERST_DONE"], "w", encoding="utf-8") as done:
            done.write("right\n")
        print("krita: all good")
    except BaseException:
        traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    # Krita's own end waits for windows that there are none of.
    os._exit(0)
