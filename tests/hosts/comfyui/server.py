"""The pack in ComfyUI's real server and page:   server.py COMFYUI OUT

COMFYUI is a clone, this interpreter has what it requires, the wheels or WUERST_LIBRARY. WUERST_TEST_MODELS is a
folder of all stages, WUERST_TEST_COMMAND the command. OUT gets the server's log, pictures, the workflow and a
screenshot. With CHROMIUM, the browser's program, the page is loaded too.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMFYUI, OUT = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
PORT = int(os.environ.get("COMFYUI_PORT", "8199"))
ADDRESS = f"http://127.0.0.1:{PORT}"
NODE = "wuerst_graph_text_to_image"


def asked(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ADDRESS + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def home():
    """A folder with models, pack and user's folder, so that the clone stays as it is."""
    folder = OUT / "home"
    for name in ("custom_nodes", "models/wuerst", "input", "output", "temp", "user"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for link, target in (
        ("custom_nodes/wuerst-nodes", ROOT / "crates/hosts/comfyui"),
        ("models/wuerst/icons", pathlib.Path(os.environ["WUERST_TEST_MODELS"])),
    ):
        if not (folder / link).is_symlink():
            (folder / link).symlink_to(target.resolve())
    return folder


def begin(folder, log):
    command = [
        sys.executable,
        "main.py",
        "--cpu",
        "--listen",
        "127.0.0.1",
        "--port",
        str(PORT),
        "--disable-auto-launch",
    ]
    server = subprocess.Popen(
        [*command, "--base-directory", str(folder)], cwd=COMFYUI, stdout=log, stderr=subprocess.STDOUT
    )
    for _ in range(600):
        try:
            asked("/system_stats")
            return server
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None:
                sys.exit(f"ComfyUI ended with {server.returncode}: see {log.name}")
            time.sleep(0.5)
    sys.exit("ComfyUI did not answer within five minutes")


def defaults(node):
    """What the widgets of a node show first."""
    known = asked(f"/object_info/{node}")[node]["input"]
    inputs = {}
    for name, (_, *more) in {**known["required"], **known.get("optional", {})}.items():
        if more and ("default" in more[0] or more[0].get("options")):
            inputs[name] = more[0].get("default", (more[0].get("options") or [""])[0])
    return inputs


def prompt(**values):
    """A picture, saved."""
    inputs = {**defaults(NODE), "models": "icons", "prompt": "a red apple", "seed": 7, **values}
    return {
        "1": {"class_type": NODE, "inputs": inputs},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "wuerst"}},
    }


def workflows():
    """The examples that ship with the pack."""
    changed = {"class_type": "wuerst_graph_image_to_image", "inputs": defaults("wuerst_graph_image_to_image")}
    changed["inputs"].update({"models": "icons", "prompt": "a green apple", "image": ["1", 0], "seed": 7})
    first = prompt()
    last = {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "wuerst"}}
    return {"text-to-image": first, "image-to-image": {"1": first["1"], "3": changed, "2": last}}


def queued(graph):
    return asked("/prompt", {"prompt": graph})["prompt_id"]


def finished(identity, seconds=120):
    for _ in range(int(seconds / 0.05)):
        history = asked(f"/history/{identity}")
        if identity in history:
            return history[identity]
        time.sleep(0.05)
    sys.exit(f"{identity} did not end within {seconds} s")


def picture(folder, entry):
    [saved] = entry["outputs"]["2"]["images"]
    return folder / "output" / saved["subfolder"] / saved["filename"]


def check(folder, log):
    nodes = asked("/object_info")
    ours = [name for name in nodes if name.startswith("wuerst_")]
    assert len(ours) > 35, f"{len(ours)} nodes"
    entry = finished(queued(prompt()))
    assert entry["status"]["status_str"] == "success", entry["status"]
    first = picture(folder, entry)
    command = os.environ["WUERST_TEST_COMMAND"]
    run = [
        command,
        "run",
        str(ROOT / "graphs/text-to-image.yaml"),
        "--models",
        os.environ["WUERST_TEST_MODELS"],
        "--set",
        "prompt=a red apple",
    ]
    subprocess.run([*run, "--set", "seed=7", "-o", f"image={OUT / 'command.png'}"], check=True)
    assert Image.open(first).tobytes() == Image.open(OUT / "command.png").tobytes(), (
        f"{first} is not the command's picture"
    )

    again = finished(queued(prompt()))
    cached = [message for message in again["status"]["messages"] if message[0] == "execution_cached"]
    assert set(cached[0][1]["nodes"]) >= {"1"}, "the node ran again for the same inputs"
    before = ran(log)
    finished(queued(prompt(decoder_steps=3)))
    counts = ran(log)[len(before) :]
    assert counts == ["2 of 7"], f"another number of decoder steps ran {counts} nodes: decoder and VQGAN are two"

    # In the middle of many steps.
    identity = queued(prompt(seed=8, steps=1000, decoder_steps=1000))
    time.sleep(0.5)
    begun = time.monotonic()
    asked("/interrupt", {})
    stopped = finished(identity)
    status = stopped["status"]
    assert [message for message in status["messages"] if message[0] == "execution_interrupted"], status
    print(f"comfyui: interrupted within {time.monotonic() - begun:.2f} s")
    assert finished(queued(prompt(seed=9)))["status"]["status_str"] == "success", "the run after an interrupt"

    refused = finished(queued(prompt(width=63, height=63)))
    [error] = [message[1] for message in refused["status"]["messages"] if message[0] == "execution_error"]
    assert "width" in error["exception_message"], error
    print(f"comfyui: {error['exception_message'].strip()}")

    # The picture says how it was made.
    again = [
        command,
        "run",
        "--from",
        str(first),
        "--models",
        os.environ["WUERST_TEST_MODELS"],
        "-o",
        f"image={OUT / 'again.png'}",
    ]
    subprocess.run(again, check=True)
    assert Image.open(first).tobytes() == Image.open(OUT / "again.png").tobytes(), "run --from makes another picture"
    print(f"comfyui: {len(ours)} nodes, the picture is the command's")
    return first


def ran(log):
    """How many nodes of the engine the runs so far took, as the log tells."""
    lines = pathlib.Path(log.name).read_text(errors="replace").splitlines()
    return [line.split(" nodes ran")[0].split("] ")[-1] for line in lines if line.endswith(" nodes ran")]


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    folder = home()
    with open(OUT / "server.log", "w", encoding="utf-8") as log:
        server = begin(folder, log)
        try:
            check(folder, log)
            if os.environ.get("CHROMIUM"):
                import page

                page.shown(ADDRESS, workflows(), OUT)
        finally:
            server.terminate()
            server.wait(20)


main()
