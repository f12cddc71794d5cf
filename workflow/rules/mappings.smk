# The sweep's LIF networks with other mappings, and what each does to the border.


rule remap:
    input:
        stamp,
        sweep=SWEEP_INPUT,
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
        "eiphase remap --mapping {wildcards.mapping:q} -- {input.sweep:q} {output:q} 2>&1 | tee -- {log:q} >&2"


use rule simulate as simulate_remapped with:
    input:
        sweep=ancient(f"{OTHER}.yaml"),
        ranges=mapped_source_tile,
    output:
        f"{OTHER}/tiles/{{backend}}/seed-{{seed}}/tile-{{tile}}-{{digest}}.nc",
    log:
        f"{RESULTS}/logs/mappings/{{mapping}}/{{backend}}/seed-{{seed}}/tile-{{tile}}-{{digest}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/mappings/{{mapping}}/{{backend}}/seed-{{seed}}/tile-{{tile}}-{{digest}}.tsv"


use rule gather as gather_remapped with:
    input:
        stamp,
        # Not ancient: Snakemake does not ask for tiles under other names while the config
        # file is still to be written.
        sweep=f"{OTHER}.yaml",
        tiles=mapped_tiles,
        refined=[],
        spectra=[],  # of LIF networks there are none
    output:
        f"{OTHER}/phase_map.nc",
    log:
        f"{RESULTS}/logs/mappings/{{mapping}}/gather.log",
    benchmark:
        f"{RESULTS}/benchmarks/mappings/{{mapping}}/gather.tsv"


rule precision:
    input:
        phase_maps_by_bits,
    output:
        f"{RESULTS}/figures/precision.pdf",
        report(
            f"{RESULTS}/figures/precision.png",
            caption="../report/precision.rst",
            category="Mappings",
            labels={"figure": "Weight bits and the border"},
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
        code=drawing_digest("mappings"),
    shell:
        "eiphase compare --figures {output:q} -- {input:q} 2>&1 | tee -- {log:q} >&2"


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
            labels={"figure": "Mappings and the border"},
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
        code=drawing_digest("mappings"),
    shell:
        "eiphase compare --figures {output:q} -- {input:q} 2>&1 | tee -- {log:q} >&2"
