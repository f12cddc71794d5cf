# What theory says of single rate networks needs no simulation: it fills cores that are left idle.


rule spectra:
    input:
        sweep=ancient(SWEEP_INPUT),
    output:
        f"{RESULTS}/spectra/seed-{{seed}}-{{digest}}.nc",
    log:
        f"{RESULTS}/logs/spectra/seed-{{seed}}-{{digest}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/spectra/seed-{{seed}}-{{digest}}.tsv"
    priority: -1  # after simulations, which others wait for
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "eiphase spectra --seed {wildcards.seed:q}"
        " --time-limit $(( {resources.runtime} * 60 )) -- {input.sweep:q} {output:q}"
        " 2>&1 | tee -- {log:q} >&2"
