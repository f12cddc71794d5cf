# All tiles of a sweep become one labelled dataset.


rule gather:
    input:
        sweep=SWEEP_FILE,
        tiles=[f"{RESULTS}/tiles/{tile.path}" for tile in SWEEP.all_tiles()],
    output:
        f"{RESULTS}/phase_map.nc",
    log:
        f"{RESULTS}/logs/gather.log",
    benchmark:
        f"{RESULTS}/benchmarks/gather.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    shell:
        "eiphase gather {input.sweep:q} {output:q} {input.tiles:q} 2>&1 | tee {log:q} >&2"
