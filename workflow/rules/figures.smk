# The figures of a sweep, each as PNG and as PDF.
FIGURES = expand(
    f"{RESULTS}/figures/{{figure}}.{{format}}",
    figure=["phase_maps", "autocovariance"],
    format=["png", "pdf"],
)


rule figures:
    input:
        f"{RESULTS}/phase_map.nc",
    output:
        FIGURES,
    log:
        f"logs/{SWEEP_NAME}/figures.log",
    benchmark:
        f"benchmarks/{SWEEP_NAME}/figures.tsv"
    params:
        folder=f"{RESULTS}/figures",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    shell:
        "eiphase draw {input} {params.folder} 2>&1 | tee {log}"
