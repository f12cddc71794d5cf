# One job is one tile: a block of grid points of one backend and one seed.


rule simulate:
    input:
        sweep=SWEEP_FILE,
        ranges=float_tile,
    output:
        f"{RESULTS}/tiles/{{backend}}/seed-{{seed}}/tile-{{tile}}.nc",
    log:
        f"{RESULTS}/logs/tiles/{{backend}}/seed-{{seed}}/tile-{{tile}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tiles/{{backend}}/seed-{{seed}}/tile-{{tile}}.tsv"
    threads: 1
    resources:
        mem_mb=SWEEP.tile_memory_mb,
        runtime=60,
    params:
        # Not read by the command: a change of either runs the tiles again.
        sweep=SWEEP.digest,
        code=provenance.code_digest(),
    shell:
        "eiphase simulate-tile {input.sweep:q} {output:q} --backend {wildcards.backend}"
        " --seed {wildcards.seed} --tile {wildcards.tile} --ranges {input.ranges:q}"
        " --time-limit $(( {resources.runtime} * 60 ))"
        " 2>&1 | tee {log:q} >&2"
