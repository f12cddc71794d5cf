# One job is one tile: a block of grid points of one backend and one seed.


rule simulate:
    input:
        # A tile's name holds the digest of all that its numbers depend on, so that the
        # config's time of change does not matter.
        sweep=ancient(SWEEP_INPUT),
        ranges=source_tile,
    output:
        f"{RESULTS}/tiles/{{backend}}/seed-{{seed}}/tile-{{tile}}-{{digest}}.nc",
    log:
        f"{RESULTS}/logs/tiles/{{backend}}/seed-{{seed}}/tile-{{tile}}-{{digest}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tiles/{{backend}}/seed-{{seed}}/tile-{{tile}}-{{digest}}.tsv"
    threads: 1
    resources:
        mem_mb=SWEEP.tile_memory_mb,
        runtime=60,
    shell:
        "eiphase simulate-tile --backend {wildcards.backend:q} --seed {wildcards.seed:q}"
        " --tile {wildcards.tile:q} --ranges {input.ranges:q}"
        " --time-limit $(( {resources.runtime} * 60 )) -- {input.sweep:q} {output:q}"
        " 2>&1 | tee -- {log:q} >&2"
