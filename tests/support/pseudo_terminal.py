"""Commands as a terminal shows them."""

import contextlib
import os
import pty
import re
import subprocess

import warm


def on_a_terminal(*arguments):
    """Exit code and what a command shows, run in a pseudo-terminal."""
    warm.server().wait()
    screen, terminal = pty.openpty()
    run = subprocess.Popen(
        [*warm.server().command("eiphase"), *map(str, arguments)],
        stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal is gone when the command has ended
        while chunk := os.read(screen, 4096):
            shown += chunk
    return run.wait(), shown.decode()


def counts(shown):
    """How far the bars went, in the order shown."""
    return list(dict.fromkeys(re.findall(r"(\d+)/ *(\d+)", shown)))
