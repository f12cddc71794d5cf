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
        mem_mb=2000,
        runtime=60,
    shell:
        "eiphase simulate-tile {input.sweep} {output} --backend {wildcards.backend}"
        " --seed {wildcards.seed} --tile {wildcards.tile} --ranges {input.ranges} 2>&1 | tee {log} >&2"
