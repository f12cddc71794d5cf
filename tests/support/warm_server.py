"""A process that has imported everything, from which each command is forked: see `warm`.

`python warm_server.py SOCKET` serves until its standard input is closed.
"""

import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from importlib import import_module

_MODULES = (
    "eiphase.cli.commands", "eiphase.cli.terminal", "eiphase.explorer.write",
    "eiphase.figures.save", "eiphase.jobs.before.explain", "eiphase.jobs.borders",
    "eiphase.jobs.divergence", "eiphase.jobs.gather", "eiphase.jobs.notebook",
    "eiphase.jobs.simulate", "eiphase.jobs.verify", "eiphase.simulation.single",
    "faulty_job",
    "lava.magma.compiler.compiler",  # which Lava imports when it compiles, with networkx
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf",
    "pyarrow.pandas_compat", "smart_open",
    "snakemake.cli", "snakemake.report.html_reporter",
)  # fmt: skip
_MAINS = {
    "eiphase": "eiphase.cli.commands",
    "snakemake": "snakemake.cli",
    "faulty_job": "faulty_job",
}


def _run(program: str, arguments: list[str], before: str) -> int:
    """A program's `main`, after some lines of Python that change what it meets."""
    exec(before, {})
    if program == "python":
        runpy.run_path(arguments[0], run_name="__main__")
        return 0
    return import_module(_MAINS[program]).main(arguments)


def _become(request: dict, descriptors: list[int]) -> None:
    """Never returns."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, closefd=False) for n in (1, 2))
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        code = _run(request["program"], request["arguments"], request["before"]) or 0
    except SystemExit as ended:
        code = ended.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve(connection: socket.socket) -> None:
    """One command: read what is asked for, fork, and tell how it ended. Never returns."""
    message, descriptors, *_ = socket.recv_fds(connection, 2**20, 3)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = os.fork()
    if command == 0:
        connection.close()
        _become(json.loads(message), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    _, status = os.waitpid(command, 0)
    connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def main(path: str) -> None:
    os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"  # as `eiphase` sets it, before HDF5 is loaded
    os.environ["MPLBACKEND"] = "agg"
    for module in _MODULES:
        import_module(module)
    for backend in import_module("eiphase.backends").BACKENDS:
        import_module("eiphase.jobs.before.compile").compile_for(backend)  # which loads them
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for who serves
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"{path}.new")
    listener.listen(64)
    os.rename(f"{path}.new", path)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _serve(connection)
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
