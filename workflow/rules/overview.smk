# A sweep's chaos on one page, with what one spike changes below, at and above the border.
OVERVIEW = (
    expand(f"{RESULTS}/figures/overview.{{format}}", format=["png", "pdf"])
    if figures.has_overview(SWEEP.backends, chaos=SWEEP.observables.chaos)
    else []
)


rule divergence:
    input:
        f"{RESULTS}/phase_map.nc",
    output:
        f"{RESULTS}/divergence.nc",
    log:
        f"{RESULTS}/logs/divergence.log",
    benchmark:
        f"{RESULTS}/benchmarks/divergence.tsv"
    priority: 1  # before the other figures: the overview waits for it
    threads: 1
    resources:
        mem_mb=SWEEP.tile_memory_mb,
        runtime=60,
    params:
        code=provenance.sources_digest("jobs.divergence"),
    shell:
        "eiphase simulate-divergence --time-limit $(( {resources.runtime} * 60 ))"
        " -- {input:q} {output:q}"
        " 2>&1 | tee -- {log:q} >&2"


rule overview:
    input:
        f"{RESULTS}/phase_map.nc",
        f"{RESULTS}/divergence.nc",
    output:
        f"{RESULTS}/figures/overview.pdf",
        report(
            f"{RESULTS}/figures/overview.png",
            caption="../report/overview.rst",
            category="Overview",
            labels={"figure": "Chaos on one page"},
        ),
    log:
        f"{RESULTS}/logs/overview.log",
    benchmark:
        f"{RESULTS}/benchmarks/overview.tsv"
    priority: 1
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=drawing_digest("overview", "phases"),
    shell:
        "eiphase draw-overview -- {input:q} {output:q} 2>&1 | tee -- {log:q} >&2"
