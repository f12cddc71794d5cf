"""A headless Chromium that is told what to do through a pipe, as its developer tools do."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
)  # fmt: skip


def found() -> str | None:
    """Where a browser is, if there is one."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def checked(check: str, file: Path, problems_of: Callable[[str], Iterable[str]], well: str) -> int:
    """Say what a check finds wrong with a file in the browser, or that all is well.

    Returns what the check's program exits with.
    """
    program = found()
    if program is None:
        print(f"{check}: there is no chromium on this machine.", file=sys.stderr)
        return 1
    problems = list(problems_of(program))
    for problem in problems:
        print(f"{check}: {file}: {problem}.", file=sys.stderr)
    if not problems:
        print(f"{check}: {file} {well}.")
    return 1 if problems else 0


class Browser:
    """One page of a browser: `open` it, `evaluate` code in it, press keys."""

    def __init__(self, program: str):
        # Processes of the browser's may write to its profile a little longer than itself.
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        self._process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={self._profile.name}"],
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=lambda: _at_three_and_four(commands, answers),
        )
        os.close(commands)
        os.close(answers)
        self._last, self._rest, self._session = 0, b"", None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)
        self._profile.cleanup()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command; events that come before it are kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        _write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, page: Path, width: int = 1280, height: int = 900) -> None:
        self.resize(width, height)
        self.events.clear()
        self.send("Page.navigate", url=page.absolute().as_uri())

    def resize(self, width: int, height: int = 900) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def evaluate(self, code: str) -> Any:
        """What JSON can hold of a value, or of what a promise becomes."""
        answer = self.send(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def array(self, code: str, dtype: str) -> np.ndarray:
        """A typed array."""
        text = self.evaluate(
            f"((bytes) => {{ let text = ''; for (let k = 0; k < bytes.length; k += 9999)"
            " text += String.fromCharCode(...bytes.subarray(k, k + 9999)); return btoa(text); })"
            f"(((x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength))({code}))"
        )
        return np.frombuffer(base64.b64decode(text), dtype)

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key)

    def wait_for(self, condition: str, seconds: float = 60) -> bool:
        """Whether something becomes true in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.evaluate(f"Boolean({condition})"):
                return True
            time.sleep(0.05)
        return False

    def complaints(self) -> list[str]:
        """What went wrong in the page since it was opened: errors, and requests for other files."""
        found = []
        for event in self.events:
            method, told = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(told["exceptionDetails"]["exception"]["description"])
            elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
                found.append(told["entry"]["text"])
            elif method == "Network.requestWillBeSent":
                url = told["request"]["url"]
                if not url.startswith(("file:", "blob:", "data:")):
                    found.append(f"it asks for {url}")
        return found


def _at_three_and_four(commands: int, answers: int) -> None:
    """In the browser's process: where it looks for its pipes."""
    for end, number in ((commands, 103), (answers, 104)):
        os.dup2(end, number)
    for number in (103, 104):
        os.dup2(number, number - 100)


def _write(pipe: int, message: bytes) -> None:
    while message:
        message = message[os.write(pipe, message) :]
