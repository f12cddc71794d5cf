# The sweep's LIF networks with other mappings, and what each does to the border.
OTHER = f"{RESULTS}/mappings/{{mapping}}"
WEIGHT_BITS = range(1, 9)


def mapped_tile(mapping, tile):
    """A tile under a mapping; one that the sweep itself has, as of lif_float, is taken from there."""
    path = remapping.remapped(SWEEP, mapping).tile_path(tile)
    own = path == SWEEP.tile_path(tile)
    return f"{RESULTS if own else OTHER.format(mapping=mapping)}/tiles/{path}"


def mapped_tiles(wildcards):
    tiles = remapping.remapped(SWEEP, wildcards.mapping).all_tiles()
    return [mapped_tile(wildcards.mapping, tile) for tile in tiles]


def mapped_float_tile(wildcards):
    if wildcards.backend != "lif_bit_accurate":
        return []
    tile = SWEEP.tile("lif_float", int(wildcards.seed), int(wildcards.tile))
    return mapped_tile(wildcards.mapping, tile)


def phase_maps(mappings):
    """The sweep's own phase map where a mapping is the sweep's own."""
    own = remapping.name_of(SWEEP.mapping)
    return [
        f"{RESULTS if name == own else OTHER.format(mapping=name)}/phase_map.nc"
        for name in mappings
    ]


wildcard_constraints:
    mapping="[a-z_]+-[a-z_]+-[1-8]",


rule remap:
    input:
        SWEEP_FILE,
    output:
        f"{OTHER}.yaml",
    log:
        f"{RESULTS}/logs/mappings/{{mapping}}/remap.log",
    benchmark:
        f"{RESULTS}/benchmarks/mappings/{{mapping}}/remap.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    shell:
        "eiphase remap {input:q} {output:q} --mapping {wildcards.mapping} 2>&1 | tee {log:q} >&2"


use rule simulate as simulate_remapped with:
    input:
        sweep=ancient(f"{OTHER}.yaml"),
        ranges=mapped_float_tile,
    output:
        f"{OTHER}/tiles/{{backend}}/seed-{{seed}}/tile-{{tile}}-{{digest}}.nc",
    log:
        f"{RESULTS}/logs/mappings/{{mapping}}/{{backend}}/seed-{{seed}}/tile-{{tile}}-{{digest}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/mappings/{{mapping}}/{{backend}}/seed-{{seed}}/tile-{{tile}}-{{digest}}.tsv"


use rule gather as gather_remapped with:
    input:
        sweep=ancient(f"{OTHER}.yaml"),
        tiles=mapped_tiles,
        refined=[],
    output:
        f"{OTHER}/phase_map.nc",
    log:
        f"{RESULTS}/logs/mappings/{{mapping}}/gather.log",
    benchmark:
        f"{RESULTS}/benchmarks/mappings/{{mapping}}/gather.tsv"


rule precision:
    input:
        phase_maps([remapping.with_bits(SWEEP.mapping, bits) for bits in WEIGHT_BITS]),
    output:
        f"{RESULTS}/figures/precision.pdf",
        report(
            f"{RESULTS}/figures/precision.png",
            caption="../report/precision.rst",
            category="Mappings",
        ),
    log:
        f"{RESULTS}/logs/precision.log",
    benchmark:
        f"{RESULTS}/benchmarks/precision.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=provenance.sources_digest("figures"),
    shell:
        "eiphase compare {input:q} --figures {output:q} 2>&1 | tee {log:q} >&2"


rule mappings:
    input:
        phase_maps(
            f"{rate_to_lif}-{float_to_integer}-8"
            for rate_to_lif in ("tutorial", "identity", "corrected")
            for float_to_integer in ("tutorial", "full_range")
        ),
    output:
        f"{RESULTS}/figures/mappings.pdf",
        report(
            f"{RESULTS}/figures/mappings.png",
            caption="../report/mappings.rst",
            category="Mappings",
        ),
    log:
        f"{RESULTS}/logs/mappings.log",
    benchmark:
        f"{RESULTS}/benchmarks/mappings.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=provenance.sources_digest("figures"),
    shell:
        "eiphase compare {input:q} --figures {output:q} 2>&1 | tee {log:q} >&2"
