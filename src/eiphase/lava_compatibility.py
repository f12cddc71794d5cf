"""Lets lava-nc 0.10.0 import on Python 3.11 and 3.12.

One class of Lava, `ByteEncoder`, is a dataclass that serves as the default value of
another dataclass's field. Since Python 3.11 such a default must be hashable, which a
plain dataclass is not. Here that class alone is made hashable, while the module that
holds it is imported. Import this module before anything of Lava's.
"""

import dataclasses
import importlib
from unittest import mock

_python_dataclass = dataclasses.dataclass


def _dataclass(cls=None, /, **options):
    if cls is not None and cls.__name__ == "ByteEncoder":
        options["unsafe_hash"] = True
    return _python_dataclass(cls, **options)


with mock.patch("dataclasses.dataclass", _dataclass):
    importlib.import_module("lava.magma.compiler.var_model")
