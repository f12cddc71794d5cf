# The figures of a sweep, each as PNG and as PDF.
FIGURES = expand(
    f"{RESULTS}/figures/{{figure}}.{{format}}",
    figure=sweeps.figure_names(SWEEP.backends),
    format=["png", "pdf"],
)


rule figures:
    input:
        f"{RESULTS}/phase_map.nc",
    output:
        FIGURES,
    log:
        f"{RESULTS}/logs/figures.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    shell:
        "eiphase draw {input:q} {output:q} 2>&1 | tee {log:q} >&2"
