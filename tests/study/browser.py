"""Headless Chromium over its debugging pipe; the standard library suffices."""

import json
import os
import subprocess
import tempfile
import time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--remote-debugging-pipe", "--window-size=1100,800"]


class Browser:
    """A browser with a profile of its own."""

    def __init__(self, program="chromium"):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()

        def descriptors():
            # Chromium reads commands from 3 and writes answers to 4.
            os.dup2(to_read, 13)
            os.dup2(to_write, 14)
            os.dup2(13, 3)
            os.dup2(14, 4)

        command = [program, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, preexec_fn=descriptors, close_fds=False, **quiet)
        os.close(to_read)
        os.close(to_write)
        self._count, self._rest, self.events = 0, b"", []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(30)
        self._profile.cleanup()

    def call(self, method, session=None, **parameters):
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _read(self):
        while b"\0" not in self._rest:
            part = os.read(self._from, 1 << 20)
            if not part:
                raise RuntimeError("Chromium ended")
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def page(self, url, downloads):
        return Page(self, url, downloads)


class Page:
    """A page in a context of its own, as of another person's browser."""

    def __init__(self, browser, url, downloads):
        self._browser, self.downloads = browser, downloads
        self._context = browser.call("Target.createBrowserContext")["browserContextId"]
        allowed = {"behavior": "allow", "downloadPath": downloads, "browserContextId": self._context}
        browser.call("Browser.setDownloadBehavior", **allowed)
        self._target = browser.call("Target.createTarget", url="about:blank", browserContextId=self._context)["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")
        self.open(url)

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def open(self, url):
        # The old page answers until the new one is there.
        self.value("window.beforeNavigation = true")
        self.call("Page.navigate", url=url)
        self.until("!window.beforeNavigation && document.readyState == 'complete'")

    def value(self, script):
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script[:80]}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, script, seconds=60):
        for _ in range(seconds * 50):
            if self.value(script):
                return
            time.sleep(0.02)
        raise RuntimeError(f"the page did not come to: {script}; it shows {self.value('document.body.innerText')[:500]}")

    def press(self, key):
        text = {"Enter": "\r", " ": " "}.get(key)
        code = {"Enter": 13, " ": 32, "Tab": 9, "Backspace": 8, "ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40}[key]
        names = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **names, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **names)

    def click(self, selector):
        box = self.value(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])(document.querySelector('{selector}').getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def accessible(self):
        """Role and name of everything that a screen reader meets."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return {(node.get("role", {}).get("value"), node.get("name", {}).get("value")) for node in nodes if not node.get("ignored")}

    def requests(self):
        """Addresses that the page asked for."""
        of_page = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [e["params"]["request"]["url"] for e in of_page if e.get("method") == "Network.requestWillBeSent"]

    def problems(self):
        of_page = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [e["params"] for e in of_page if e.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded")]

    def close(self):
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)
