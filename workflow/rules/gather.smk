# All tiles of a sweep become one labelled dataset.


rule gather:
    input:
        sweep=ancient(SWEEP_FILE),
        tiles=[f"{RESULTS}/tiles/{SWEEP.tile_path(tile)}" for tile in SWEEP.all_tiles()],
        refined=refined(),
    output:
        f"{RESULTS}/phase_map.nc",
    log:
        f"{RESULTS}/logs/gather.log",
    benchmark:
        f"{RESULTS}/benchmarks/gather.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        # Not read by the command: a change of either gathers again.
        sweep=SWEEP.digest,
        code=provenance.sources_digest(
            "gathering",
            "seal",
            "dataset",
            "tile_file",
            "phases",
            "borders",
            "refinement",
            "critical_line",
            "meanfield",
            "fixed_point",
            "erf_averages",
        ),
    shell:
        "eiphase gather {input.sweep:q} {output:q} {input.tiles:q}"
        " --refined {input.refined:q} 2>&1 | tee {log:q} >&2"
