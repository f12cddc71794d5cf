"""Lets lava-nc 0.10.0 import on Python 3.11 and 3.12, whatever start method is set.

One class of Lava, `ByteEncoder`, is a dataclass that serves as the default value of
another dataclass's field. Since Python 3.11 such a default must be hashable, which a
plain dataclass is not. Here that class alone is made hashable, while the module that
holds it is imported.

Lava also sets `fork` as the program's start method when it is imported, which fails if a
start method has been used or set before, and changes that of the program if not. Here the
program keeps its own; `lava.run` forks Lava's processes whatever it is.

Import this module before anything of Lava's. It cannot be imported on other systems than Linux.
"""

import dataclasses
import importlib
import multiprocessing
from unittest import mock

from eiphase.errors import require_linux

require_linux()

_python_dataclass = dataclasses.dataclass


def _dataclass(cls=None, /, **options):
    if cls is not None and cls.__name__ == "ByteEncoder":
        options["unsafe_hash"] = True
    return _python_dataclass(cls, **options)


with (
    mock.patch.object(dataclasses, "dataclass", _dataclass),
    mock.patch.object(multiprocessing, "set_start_method"),
):
    importlib.import_module("lava.magma.compiler.var_model")
    importlib.import_module("lava.magma.runtime.message_infrastructure.multiprocessing")
