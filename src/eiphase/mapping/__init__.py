"""From rate to LIF neurons, and from floating point to Loihi's integers."""
