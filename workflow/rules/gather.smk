# All tiles of a sweep become one labelled dataset.


rule gather:
    input:
        stamp,
        sweep=ancient(SWEEP_INPUT),
        tiles=[f"{RESULTS}/tiles/{SWEEP.tile_path(tile)}" for tile in SWEEP.all_tiles()],
        refined=refined(),
        spectra=spectra_of_sweep(),
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
    shell:
        "eiphase gather --refined {input.refined:q} --spectra {input.spectra:q}"
        " --time-limit $(( {resources.runtime} * 60 )) -- {input.sweep:q} {output:q} {input.tiles:q}"
        " 2>&1 | tee -- {log:q} >&2"
