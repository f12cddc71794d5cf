"""Ctrl-C during a sweep: the workflow stops with one sentence, which says how to go on."""

import atexit
import logging
import signal
import sys
import threading
from types import FrameType

_SENTENCE = "eiphase: Stopped. Finished tiles are kept; the same command goes on from there."


def say_how_to_go_on(logger: logging.Logger) -> None:
    """On Ctrl-C, say that as the last thing, instead of the errors of each job that is stopped.

    `logger` is Snakemake's. The terminal stops the jobs, which are in the same group of processes.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # jobs take a second to end; this waits
        logger.addFilter(lambda record: record.levelno < logging.ERROR)
        atexit.register(print, _SENTENCE, file=sys.stderr)
        sys.exit(128 + number)  # Snakemake ends its jobs; a KeyboardInterrupt it may show

    of_python = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if of_python and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, stop)
