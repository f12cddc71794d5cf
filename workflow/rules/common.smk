# What rules need to find their inputs.


def float_tile(wildcards):
    """The tile whose dynamic ranges an lif_bit_accurate tile needs; the others need none."""
    if wildcards.backend != "lif_bit_accurate":
        return []
    tile = SWEEP.tile("lif_float", int(wildcards.seed), int(wildcards.tile))
    return f"{RESULTS}/tiles/{SWEEP.tile_path(tile)}"
