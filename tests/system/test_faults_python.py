"""Simulations from programs that use processes and threads of their own."""

import faults_python
import pytest


@pytest.mark.parametrize("name", dict(faults_python.ROWS))
def test_what_comes_of_a_fault(name, tmp_path):
    assert dict(faults_python.ROWS)[name](tmp_path)
