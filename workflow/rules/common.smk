# What rules need to find their inputs.


def float_tile(wildcards):
    """The tile whose dynamic ranges an lif_bit_accurate tile needs; the others need none."""
    if wildcards.backend != "lif_bit_accurate":
        return []
    return f"{RESULTS}/tiles/lif_float/seed-{wildcards.seed}/tile-{wildcards.tile}.nc"
