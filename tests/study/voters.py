"""Scripted voters in headless Chromium: they see the pictures alone, and `wuerst-train votes` recovers what they prefer.

Usage: voters.py WUERST-TRAIN [FOLDER]; with FOLDER, a key and the votes of one voter are kept there, for the tests in Rust.
"""

import csv
import json
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from browser import Browser

PROMPTS = 20
# Seconds of looking: a median below half a second is careless.
PAUSE = 0.55
CATEGORIES = ["Animals", "Artifacts", "Vehicles"]

# Mean colour and roughness of a picture, as a voter sees it.
LOOK = """(side => {
  const image = document.querySelector('#' + side + ' img');
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 16;
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0, 16, 16);
  const all = context.getImageData(0, 0, 16, 16).data;
  let red = 0, blue = 0, rough = 0;
  for (let i = 0; i < all.length; i += 4) {
    red += all[i]; blue += all[i + 2]; rough += Math.abs(all[i] - all[(i + 4) % all.length]);
  }
  return rough > 256 * 16 ? 'noise' : red > blue ? 'red' : 'blue';
})"""


def png(path, colour, size=16):
    rows = b"".join(b"\0" + bytes(colour) * size for _ in range(size))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def study(program, home):
    for name, colour in (("red", (200, 40, 40)), ("blue", (40, 40, 200))):
        (home / name).mkdir()
        for number in range(1, PROMPTS + 1):
            shade = [min(255, part + number) for part in colour]
            png(home / name / f"{number:04}.png", shade)
    lines = [f"picture {n} <b>of</b> & \"x\"</script>\t{CATEGORIES[n % 3]}\tBasic" for n in range(1, PROMPTS + 1)]
    (home / "prompts.tsv").write_text("\n".join(["Prompt\tCategory\tChallenge", *lines]) + "\n", encoding="utf-8")
    out = home / "study"
    subprocess.run([program, "study", home / "red", home / "blue", "--prompts", home / "prompts.tsv", "--out", out], check=True)
    return out


def ready(page, done):
    page.until(f"!document.getElementById('vote').hidden && document.getElementById('progress').value == {done}")


def vote(page, done, taste):
    """Looks, waits as a person would, and presses a key."""
    ready(page, done)
    left, right = (page.value(f"{LOOK}('{side}')") for side in ("left", "right"))
    time.sleep(PAUSE)
    page.press({"left": "ArrowLeft", "right": "ArrowRight", "neither": "ArrowDown"}[taste(left, right)])


def careful(probability, neither, seed):
    chance = random.Random(seed)

    def taste(left, right):
        if "noise" in (left, right):
            return "right" if left == "noise" else "left"
        if chance.random() < neither:
            return "neither"
        wanted = "red" if chance.random() < probability else "blue"
        return "left" if left == wanted else "right"

    return taste


def saved(page, ending):
    page.click(f"#{ending}")
    folder = pathlib.Path(page.downloads)
    for _ in range(500):
        found = list(folder.glob(f"*.{ending}"))
        if found and found[0].read_text(encoding="utf-8").endswith("\n"):
            return found[0]
        time.sleep(0.02)
    raise RuntimeError(f"no {ending} file was saved")


def all_votes(page, taste, first=0):
    total = int(page.value("document.getElementById('progress').max"))
    for done in range(first, total):
        vote(page, done, taste)
    page.until("!document.getElementById('end').hidden")


def begin(browser, url, home, number):
    folder = home / f"voter-{number}"
    folder.mkdir()
    page = browser.page(url, str(folder))
    page.until("!document.getElementById('welcome').hidden")
    # With the keyboard alone: the start button is the first that the tab key reaches.
    page.press("Tab")
    page.press("Enter")
    ready(page, 0)
    return page


def exercised(browser, url, home):
    """One voter who tries everything: haste, undo, mouse, tab order, a reload, both files."""
    page = begin(browser, url, home, 0)
    shown = page.accessible()
    for part in [("button", "Left picture"), ("button", "Right picture"), ("button", "Neither"), ("button", "Undo")]:
        assert part in shown, f"a screen reader does not meet {part}: {sorted(map(str, shown))}"
    assert ("progressbar", "Answered pairs") in shown
    text = page.value("document.getElementById('prompt').textContent")
    assert text.startswith("picture ") and "<b>of</b> & \"x\"</script>" in text, text
    assert page.value("document.activeElement.id") == "prompt", "a choice has the focus"
    sizes = page.value("[...document.querySelectorAll('#pictures img')].map(image => image.clientWidth)")
    assert sizes[0] == sizes[1] > 100, sizes
    page.press("ArrowLeft")
    assert page.value("document.getElementById('progress').value") == 0, "a choice within 400 ms counts"
    assert "look at both" in page.value("document.getElementById('status').textContent")

    taste = careful(1.0, 0.0, 1)
    vote(page, 0, lambda left, right: "neither")
    ready(page, 1)
    page.press("Backspace")
    ready(page, 0)
    # Tab from the prompt to the left picture, the right one, "neither"; Enter presses.
    left = page.value(f"{LOOK}('left')")
    right = page.value(f"{LOOK}('right')")
    for _ in range(1 if taste(left, right) == "left" else 2):
        page.press("Tab")
    time.sleep(PAUSE)
    page.press("Enter")
    ready(page, 1)
    left, right = (page.value(f"{LOOK}('{side}')") for side in ("left", "right"))
    time.sleep(PAUSE)
    page.click("#" + taste(left, right))
    vote(page, 2, taste)
    ready(page, 3)
    # Storage reaches the disk a moment later.
    time.sleep(2)
    page.open(url)
    page.until("!document.getElementById('welcome').hidden")
    begun = page.value("document.getElementById('start').textContent")
    assert begun == "Go on with pair 4", begun
    page.press("Tab")
    page.press("Enter")
    all_votes(page, taste, 3)
    # The end is there again when the page is opened again.
    page.open(url)
    page.until("!document.getElementById('end').hidden")
    ballot = json.loads(saved(page, "json").read_text(encoding="utf-8"))
    with saved(page, "csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    same = [[row[name] for name in ("pair", "choice", "ms", "at")] for row in table]
    assert same == [[str(vote[name]) for name in ("pair", "choice", "ms", "at")] for vote in ballot["votes"]]
    lefts = [(vote["pair"], vote["left"]) for vote in ballot["votes"] if vote["repeat"]]
    assert lefts and all((pair, left) not in [(v["pair"], v["left"]) for v in ballot["votes"] if not v["repeat"]] for pair, left in lefts)
    own = [address for address in page.requests() if address.split(":")[0] not in ("file", "data", "blob", "about")]
    assert not own, f"the page asked the network for {own}"
    assert not page.problems(), page.problems()
    page.close()


def plain(browser, url, home, number, taste):
    page = begin(browser, url, home, number)
    all_votes(page, taste)
    saved(page, "json")
    page.close()


def main(program, keep=None):
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        home = pathlib.Path(folder)
        out = study(program, home)
        url = (out / "study.html").as_uri()
        exercised(browser, url, home)
        if keep:
            shutil.copy(out / "key.json", pathlib.Path(keep) / "key.json")
            shutil.copy(next((home / "voter-0").glob("*.json")), pathlib.Path(keep) / "votes.json")
        for number in range(1, 6):
            plain(browser, url, home, number, careful(0.8, 0.15, number))
        plain(browser, url, home, 6, lambda left, right: "left")
        chance = random.Random(7)
        chosen = [home / f"voter-{number}" for number in range(7)]
        ran = evaluated(program, home, out, chosen[:6])
        pair = ran["careful"]["pairs"][0]
        low, high = pair["decided"]["low"], pair["decided"]["high"]
        # One voter who always takes red, five who do in four of five cases.
        assert low <= (1 + 5 * 0.8) / 6 <= high and low > 0.5, pair
        assert pair["people"][0] == 6 and ran["careful"]["voters"] == 6, pair
        ran = evaluated(program, home, out, chosen)
        found = [person["one_sided"] for person in ran["people"]]
        assert found == [False] * 6 + [True], ran["people"]
        orders = [[vote["pair"] for vote in json.loads(next(f.glob("*.json")).read_text())["votes"]] for f in chosen]
        assert len({tuple(order) for order in orders}) == len(orders), "two voters saw one order"
        for number in range(7, 11):
            plain(browser, url, home, number, lambda left, right: chance.choice(["left", "right", "neither"]))
        ran = evaluated(program, home, out, [home / f"voter-{number}" for number in range(7, 11)])
        pair = ran["all"]["pairs"][0]
        assert pair["decided"]["low"] <= 0.5 <= pair["decided"]["high"], pair
    print("study: eleven voters, preferences and the one-sided voter found, no request to the network")


def evaluated(program, home, out, folders):
    files = [next(folder.glob("*.json")) for folder in folders]
    results = home / "results"
    command = [program, "votes", *files, "--key", out / "key.json", "--out", results]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((results / "votes.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(*sys.argv[1:])
