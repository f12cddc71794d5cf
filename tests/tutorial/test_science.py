"""The numbers that the pages on science quote are measured again, and what they rest on."""

import numpy as np
import pytest
import quotes
from conftest import REPOSITORY

from eiphase.networks import lif

PAGES = sorted((REPOSITORY / "docs").glob("*.md"))
QUOTED = [pair for page in PAGES for pair in quotes.quoted(page.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def measured():
    return quotes.measured()


@pytest.mark.parametrize(("name", "quoted"), QUOTED, ids=[name for name, _ in QUOTED])
def test_pages_quote_what_is_measured(measured, name, quoted):
    """If not: `make numbers`. Chaotic runs of other processors are others of the same kind."""
    number = measured[name]
    assert quoted == pytest.approx(number.value, rel=number.spread, abs=0.51 * number.unit)


def test_all_that_is_measured_is_quoted(measured):
    assert {name for name, _ in QUOTED} == set(measured)
    assert len(measured) == 31


def test_quotes_are_found_and_written():
    page = "It fires 46,824<!-- fires --> times at -0.5<!-- level --> thresholds, 3 times more."
    assert quotes.quoted(page) == [("fires", 46824.0), ("level", -0.5)]
    numbers = {
        "fires": quotes.Number("fires", 1234567, ",d"),
        "level": quotes.Number("level", 0.256, ".1f"),
    }
    assert quotes.written(page, numbers) == (
        "It fires 1,234,567<!-- fires --> times at 0.3<!-- level --> thresholds, 3 times more."
    )


def test_regular_neurons_are_sensitive_too():
    """What the damage of 0.96 is quoted for: its neurons fire regularly."""
    recording = lif.run(quotes.lif_network(1.0, 4.5), 4000)
    intervals = [np.diff(np.flatnonzero(train)) for train in recording.spikes[1000:].T]
    variation = [x.std() / x.mean() for x in intervals if len(x) > 5]
    assert np.mean(variation) < 0.2
