"""Hostile text, and other locales."""

import faults_text
import pytest


@pytest.mark.parametrize("name", dict(faults_text.ROWS))
def test_what_comes_of_a_fault(name, tmp_path):
    assert dict(faults_text.ROWS)[name](tmp_path)
