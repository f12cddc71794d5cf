# One job bisects the borders of one backend and seed: each of its points depends on those before.
# A checkpoint would have Snakemake plan again, and start a job, for every halving.


rule refine:
    input:
        sweep=ancient(SWEEP_INPUT),
        tiles=tiles_of,
        floats=refined_source,
    output:
        f"{RESULTS}/tiles/{{backend}}/seed-{{seed}}/refined-{{digest}}.nc",
    log:
        f"{RESULTS}/logs/tiles/{{backend}}/seed-{{seed}}/refined-{{digest}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tiles/{{backend}}/seed-{{seed}}/refined-{{digest}}.tsv"
    threads: 1
    resources:
        mem_mb=SWEEP.tile_memory_mb,
        runtime=60,
    params:
        tiles=lambda wildcards, output: Path(output[0]).parents[2],
    shell:
        "eiphase refine --tiles {params.tiles:q} --backend {wildcards.backend:q}"
        " --seed {wildcards.seed:q}"
        " --time-limit $(( {resources.runtime} * 60 )) -- {input.sweep:q} {output:q}"
        " 2>&1 | tee -- {log:q} >&2"
