"""Asks a `warm_server` to run a program here: `python -IS warm_client.py SOCKET PROGRAM ...`."""

import json
import os
import signal
import socket
import sys
from contextlib import suppress


def _functions(path: str) -> dict[str, str]:
    """Has each Bash of a workflow's jobs ask for `eiphase`, by a function that is exported."""
    lines = f"'{sys.executable}' -IS '{os.path.realpath(__file__)}' '{path}' eiphase \"$@\""
    return {"BASH_FUNC_eiphase%%": f"() {{ {lines}\n}}"}


def ask(path: str, request: dict, descriptors: tuple[int, int, int] = (0, 1, 2)) -> int:
    """Exit code of a program that gets these as standard input, output and error."""
    request["environment"] |= _functions(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(path)
        socket.send_fds(connection, [json.dumps(request).encode()], descriptors)
        return int(connection.recv(64) or -9)  # nothing: who served is gone


def main() -> int:
    path, program, *arguments = sys.argv[1:]
    request = {
        "program": program, "arguments": arguments, "folder": os.getcwd(), "before": "",
        "environment": dict(os.environ),
    }  # fmt: skip
    code = ask(path, request)
    if code < 0:  # end as the program did
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
