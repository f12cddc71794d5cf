"""Numbers and memory: compiled kernels' tools, arrays, erf and quantiles; no physics, no labels."""
