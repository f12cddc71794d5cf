"""What is simulated: weights, and the kernels of rate and LIF neurons, arrays in and arrays out."""
