"""Commands as processes of their own that have nothing to import, as most of their time is that.

They are forked from one process that has imported everything: `eiphase` and `snakemake` as they
are called in a shell, with their own standard streams, environment, folder and exit code. The jobs
of a workflow that is run so are forked from there, too. What a test needs a real process for, its
start, its death or its locale, is started as ever.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import warm_client

_HERE = Path(__file__).parent
_SHARED = "EIPHASE_TESTS_WARM_SOCKET"


class Server:
    """A running `warm_server`."""

    def __init__(self, socket: str, process: subprocess.Popen[bytes] | None = None):
        self.socket = socket
        self.process = process  # None if another process of the tests has started it

    @classmethod
    def started(cls, python_path: Path | None = None) -> "Server":
        """A new one, of the code that is on `PYTHONPATH` if that is given."""
        folder = tempfile.TemporaryDirectory(prefix="warm-")  # a socket's path must be short
        code = {} if python_path is None else {"PYTHONPATH": str(python_path)}
        process = subprocess.Popen(
            [sys.executable, _HERE / "warm_server.py", f"{folder.name}/socket"],
            stdin=subprocess.PIPE, start_new_session=True, env={**os.environ, **code},
        )  # fmt: skip
        found = cls(f"{folder.name}/socket", process)
        found._folder = folder  # which is removed with it
        return found

    def wait(self) -> None:
        """Until it serves."""
        while not Path(self.socket).exists():
            assert self.process is None or self.process.poll() is None
            time.sleep(0.05)

    def command(self, program: str) -> list[str]:
        """What runs in place of a program, when its arguments follow."""
        return [sys.executable, "-IS", f"{_HERE}/warm_client.py", self.socket, program]

    def shell_command(self, program: str) -> str:
        """The same in a shell's script or function."""
        return f'{shlex.join(self.command(program))} "$@"'

    def run(
        self, program: str, *arguments: object, folder: Path,
        environment: Mapping[str, str] | None = None, before: str = "",
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run `eiphase` or `snakemake` in a folder, after some lines of Python."""
        self.wait()
        words = [str(argument) for argument in arguments]
        request = {
            "program": program, "arguments": words, "folder": str(folder), "before": before,
            "environment": dict(os.environ if environment is None else environment),
        }  # fmt: skip
        with (
            open(os.devnull) as nothing,
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
        ):
            streams = (nothing.fileno(), out.fileno(), err.fileno())
            code = warm_client.ask(self.socket, request, streams)
            out.seek(0), err.seek(0)
            return subprocess.CompletedProcess(words, code, out.read(), err.read())


@cache
def server() -> Server:
    """Of the code that is tested: the shared one, or else one that ends with this process."""
    socket = os.environ.get(_SHARED)
    return Server(socket) if socket else Server.started()


def share() -> None:
    """Start the server for this process and for all that it starts, such as pytest's workers."""
    os.environ[_SHARED] = server().socket


def eiphase(
    *arguments: object, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `eiphase` in a folder."""
    return server().run(
        "eiphase", *arguments, folder=folder, environment={**os.environ, **environment}
    )
