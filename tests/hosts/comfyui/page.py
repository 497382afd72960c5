"""ComfyUI's page in headless Chromium, over its debugging port: loads a workflow, presses Run, takes a screenshot."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile

import aiohttp

PORT = 9227


class Page:
    """One page of the browser."""

    def __init__(self, socket):
        self._socket, self._count = socket, 0

    async def call(self, method, **parameters):
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=120)
            if answer.get("id") == self._count:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]

    async def value(self, script):
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit(f"{script[:80]}: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def until(self, script, seconds=60):
        for _ in range(seconds * 5):
            if await self.value(script):
                return
            await asyncio.sleep(0.2)
        sys.exit(f"the page did not come to: {script}")


async def _shown(address, prompts, out):
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            try:
                async with session.get(f"http://127.0.0.1:{PORT}/json") as answer:
                    pages = [each for each in await answer.json() if each["type"] == "page"]
                    break
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
        async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=1 << 28) as socket:
            page = Page(socket)
            await page.call("Page.navigate", url=address)
            await page.until("Boolean(window.app && window.app.graph && document.querySelector('canvas'))")
            await asyncio.sleep(2)
            # The first visit opens a dialogue of templates.
            for kind in ("keyDown", "keyUp"):
                await page.call(
                    "Input.dispatchKeyEvent", type=kind, key="Escape", code="Escape", windowsVirtualKeyCode=27
                )
            for name, prompt in prompts.items():
                await _one(page, name, prompt, out)


async def _one(page, name, prompt, out):
    await page.value(f"window.app.loadApiJson({json.dumps(prompt)}, '{name}')")
    await page.until(f"window.app.graph.nodes.length == {len(prompt)}")
    # Next to each other, as a user would save it.
    await page.value("window.app.graph.arrange()")
    workflow = await page.value("JSON.stringify(window.app.graph.serialize())")
    (out / f"{name}.json").write_text(json.dumps(json.loads(workflow), indent=1) + "\n", encoding="utf-8")
    await page.value("window.app.queuePrompt(0)")
    await page.until("window.app.graph.nodes.some(node => node.imgs && node.imgs.length)")
    await page.value(
        "window.app.canvas.ds.scale = 0.8; window.app.canvas.ds.offset = [0, 0]; window.app.canvas.setDirty(true, true)"
    )
    await asyncio.sleep(1)
    image = await page.call("Page.captureScreenshot", format="png")
    (out / f"{name}.png").write_bytes(base64.b64decode(image["data"]))


def shown(address, prompts, out):
    """Writes the workflow and a screenshot of each of the prompts, by name."""
    with tempfile.TemporaryDirectory() as profile:
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
        ]
        flags += [
            "--disable-component-update",
            "--disable-sync",
            f"--remote-debugging-port={PORT}",
            "--remote-allow-origins=*",
        ]
        flags += [f"--user-data-dir={profile}", "--window-size=1280,800", "about:blank"]
        browser = subprocess.Popen(
            [os.environ["CHROMIUM"], *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            asyncio.run(_shown(address, prompts, out))
        finally:
            browser.terminate()
            browser.wait(20)
    print(f"comfyui: the page made {len(prompts)} pictures; screenshots and workflows are in {out}")
