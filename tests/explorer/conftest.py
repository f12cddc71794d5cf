"""The page's simulation in V8, the engine of Chromium and Node, within the tests' own process."""

import json

import numpy as np
import pytest
from conftest import PACKAGE
from py_mini_racer import MiniRacer

from eiphase.explorer.gaussian import corrections
from eiphase.explorer.write import SIMULATION
from eiphase.networks import weights
from eiphase.numerics.erf import node_values

FILES = (  # what asks for no page when it is read
    *(f"simulation/{name}.js" for name in SIMULATION), "page/words.js", "page/running.js"
)  # fmt: skip


class Page:
    """An engine with the page's functions."""

    def __init__(self, engine):
        self._engine = engine
        for name in FILES:
            self._engine.eval((PACKAGE / "explorer" / name).read_text(encoding="utf-8"))
        values, slopes = node_values()
        self.define("tables", {"erfValues": values.tolist(), "erfSlopes": slopes.tolist()})
        self.run("for (const name in tables) tables[name] = Float64Array.from(tables[name])")

    def define(self, name, value):
        """A variable, from what JSON can hold."""
        self._engine.eval(f"globalThis.{name} = {json.dumps(value)}; 0")

    def run(self, code):
        """A number or a text that the code's last expression gives."""
        return self._engine.eval(code)

    def found(self, code):
        """What JSON can hold of what the code's last expression gives; NaN is None."""
        return json.loads(self._engine.eval(f"JSON.stringify({code})"))

    def array(self, code, dtype):
        """A typed array that the code's last expression gives."""
        return np.frombuffer(bytes(self._engine.eval(code)), dtype)

    def draw(self, n_neurons, seed):
        """Make `half`, the random part of a seed's weights."""
        found = corrections(n_neurons, seed)
        self.define("corrections", {name: part.tolist() for name, part in found._asdict().items()})
        n_exc = weights.n_excitatory(n_neurons)
        self.run(
            f"globalThis.z = gaussianMatrix({n_neurons}, {seed}, corrections);"
            f"globalThis.half = {{n: {n_neurons}, nExcitatory: {n_exc},"
            f" columns: halfGaussian(z, {n_neurons}, {n_exc})}}; 0"
        )

    def open(self, data):
        """Make `map` from a phase map's page data."""
        self.define("header", json.loads(data.json()))
        self.define("bytes", list(data.numbers))
        self.run("globalThis.map = withArrays(header, Uint8Array.from(bytes).buffer); 0")

    def activity(self, backend, cell, steps, *, with_states=False):
        """What a network of `half` does from rest, (time, neuron)."""
        self.define("cell", cell)
        return self.advance(backend, "cell", steps, with_states=with_states)

    def advance(self, backend, cell, steps, *, with_states=False):
        """What the network of `half` does that code for `cell` determines."""
        self.run(
            f"globalThis.network = makeNetwork('{backend}', half, {cell}, tables);"
            f"globalThis.recording = makeRecording(network, {steps}, {json.dumps(with_states)});"
            f"globalThis.state = atRest(network);"
            f"advance(network, state, recording, 0, {steps}); 0"
        )
        return self.recorded("activity", steps)

    def recorded(self, name, steps):
        """An array of the recording, (time, neuron)."""
        dtypes = {"Float64Array": "f8", "Uint8Array": "u1", "Int32Array": "i4"}
        dtype = dtypes[self.run(f"recording.{name}.constructor.name")]
        return self.array(f"recording.{name}", dtype).reshape(steps, -1)


@pytest.fixture(scope="module")
def page():
    with MiniRacer() as engine:  # which would keep Python from ending
        yield Page(engine)
