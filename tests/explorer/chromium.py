"""A headless Chromium that tests drive as a person would, over the pipe of its own protocol (no package for it)."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Name: key, code and number, of the keys that tests press.
KEYS = {
    "Tab": ("Tab", "Tab", 9),
    "Enter": ("Enter", "Enter", 13),
    "Escape": ("Escape", "Escape", 27),
    "Space": (" ", "Space", 32),
    "ArrowLeft": ("ArrowLeft", "ArrowLeft", 37),
    "ArrowUp": ("ArrowUp", "ArrowUp", 38),
    "ArrowRight": ("ArrowRight", "ArrowRight", 39),
    "ArrowDown": ("ArrowDown", "ArrowDown", 40),
}
TEXTS = {"Enter": "\r", "Space": " "}
PATIENCE = 60


def program():
    """Return the path of a Chromium on this machine, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def opened(folder):
    """Yield a Chromium for a fixture, and close it; without one the test is skipped, and in CI it fails."""
    if program() is None:
        sentence = "No Chromium is installed (on Debian: apt-get install chromium)."
        assert "CI" not in os.environ, sentence
        pytest.skip(sentence)
    browser = Browser(folder)
    yield browser
    browser.close()


class Browser:
    """One Chromium and one page in it.

    Attributes
    ----------
    errors : list of str
        What the page threw or wrote to the console as an error or warning, and what the browser refused it.
    requests : list of str
        The addresses that the page asked for.
    """

    def __init__(self, folder):
        self.downloads = Path(folder) / "downloads"
        self.downloads.mkdir(parents=True)
        self.errors, self.requests, self._events, self._number, self._unread = [], [], [], 0, b""
        theirs, self._to = os.pipe()
        self._from, ours = os.pipe()
        # Chromium reads from file 3 and writes to file 4; ours are moved out of the way of these numbers.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs, ours)]
        command = [
            *(program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"),
            *("--remote-debugging-pipe", f"--user-data-dir={Path(folder) / 'profile'}", "--force-color-profile=srgb"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking", "--hide-scrollbars"),
        ]
        self._process = subprocess.Popen(
            command,
            pass_fds=(3, 4),
            preexec_fn=lambda: [os.dup2(end, number) for end, number in zip(ends, (3, 4), strict=True)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (theirs, ours, *ends):
            os.close(end)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))
        self.look()

    def close(self):
        self._session = None
        self.call("Browser.close")
        self._process.wait(PATIENCE)
        os.close(self._to)
        os.close(self._from)

    def call(self, method, **parameters):
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._events.append(answer)
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self):
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from], [], [], PATIENCE)
            part = os.read(self._from, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("Chromium does not answer.")
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def _note(self, event):
        about = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(about["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if about["type"] in ("error", "warning", "assert"):
                self.errors.append(json.dumps(about["args"]))
            case "Log.entryAdded" if about["entry"]["level"] in ("error", "warning"):
                self.errors.append(about["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(about["request"]["url"])

    def look(self, width=1400, height=1000, dark=False, zoom=1, media=""):
        """Set the size of the window, how many device pixels one has, and what the page is looked at with."""
        size = {"width": width, "height": height, "deviceScaleFactor": zoom, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def open(self, path, fragment=""):
        """Open a file and return the seconds until its first view was drawn."""
        started = time.monotonic()
        self._events.clear()
        # The same file with another fragment would not be loaded again.
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=Path(path).resolve().as_uri() + fragment)
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return time.monotonic() - started

    def evaluate(self, expression):
        """Return the value of an expression in the page (of a promise, what it becomes)."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")

    def until(self, expression):
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(f"Boolean({expression})"):
            if time.monotonic() > end:
                raise RuntimeError(f"{expression} did not become true.")
            time.sleep(0.02)

    def text(self, selector):
        """Return the text of an element, as a person sees it."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def centre(self, selector):
        """Bring an element into view and return where its middle is."""
        return self.evaluate(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            "one.scrollIntoView({block: 'center'}); const box = one.getBoundingClientRect();"
            "return [box.left + box.width / 2, box.top + box.height / 2]; })()"
        )

    def hover(self, x, y):
        """Move the pointer."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector):
        """Click on the middle of an element."""
        self.click_at(*self.centre(selector))

    def click_at(self, x, y):
        self.hover(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, *names, shift=False):
        """Press keys, one after the other."""
        for name in names:
            key, code, number = KEYS.get(name, (name, f"Key{name.upper()}", ord(name.upper()[0])))
            about = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": 8 if shift else 0}
            text = {"text": TEXTS.get(name, name)} if name in TEXTS or len(name) == 1 else {}
            self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **about, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def downloaded(self, name):
        """Wait for a download and return its text."""
        path, end = self.downloads / name, time.monotonic() + PATIENCE
        while not path.exists():
            if time.monotonic() > end:
                raise RuntimeError(f"{name} was not downloaded.")
            time.sleep(0.02)
        return path.read_text(encoding="utf-8")

    def picture(self, path, whole=True):
        """Write what the window shows, or the whole page, as PNG."""
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(picture["data"]))
