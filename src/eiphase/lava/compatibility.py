"""Lets lava-nc 0.10.0 import on Python 3.11 to 3.13, with NumPy 2, whatever start method is set.

What is changed in Lava, and in this version of it only:

- `ByteEncoder` is a dataclass, and the default value of another dataclass's field. Since Python
  3.11 such a default must be hashable, which a plain dataclass is not. Here that class alone is
  made hashable, while the module that holds it is imported.
- Lava sets `fork` as the program's start method when it is imported, which fails if a start
  method has been used or set before, and changes that of the program if not. Here the program
  keeps its own, which is `forkserver` from Python 3.14 on; `lava.run` forks Lava's processes
  whatever it is.

lava-nc declares Python < 3.11, NumPy < 2 and networkx <= 2.8.7, but needs none of these: its own
tests of what eiphase uses pass with newer ones. See `system.installation`.

Import this module before anything of Lava's. It cannot be imported on other systems than Linux.
"""

import dataclasses
import importlib
import multiprocessing
from unittest import mock

from eiphase.errors import require_linux
from eiphase.system.installation import require_lava

require_linux()
require_lava()

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
