"""Phase maps of excitatory-inhibitory networks, simulated through Lava.

For a grid of recurrent gain (q_factor) and inhibition (g_factor), for several seeds and on
three backends (rate neurons, LIF in floating point, LIF in Loihi's integers), eiphase asks:
is the network at a stable fixed point, or does it fluctuate?
"""
