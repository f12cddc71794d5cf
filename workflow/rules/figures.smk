# The figures of a sweep, each as PNG and as PDF, and as pages the dataset's summary and its explorer.
FIGURES = figures.of_sweep(SWEEP.backends, chaos=SWEEP.observables.chaos)


rule figures:
    input:
        f"{RESULTS}/phase_map.nc",
    output:
        expand(f"{RESULTS}/figures/{{figure}}.pdf", figure=FIGURES),
        *[
            report(
                f"{RESULTS}/figures/{figure}.png",
                caption=f"../report/{figure}.rst",
                category=figures.PHASE_MAP[figure].category,
                labels={"figure": figures.PHASE_MAP[figure].title},
            )
            for figure in FIGURES
        ],
    log:
        f"{RESULTS}/logs/figures.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=drawing_digest("phase_map", "phases"),  # a change of it draws again
    shell:
        "eiphase draw -- {input:q} {output:q} 2>&1 | tee -- {log:q} >&2"


rule summary:
    input:
        f"{RESULTS}/phase_map.nc",
    output:
        report(
            f"{RESULTS}/summary.html",
            caption="../report/dataset.rst",
            category="Dataset",
            labels={"page": "What is in the dataset"},
        ),
    log:
        f"{RESULTS}/logs/summary.log",
    benchmark:
        f"{RESULTS}/benchmarks/summary.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=provenance.sources_digest("cli.terminal"),
    shell:
        "eiphase show --html {output:q} -- {input:q} 2>&1 | tee -- {log:q} >&2"


rule explorer:
    input:
        f"{RESULTS}/phase_map.nc",
    output:
        report(
            f"{RESULTS}/explorer.html",
            caption="../report/explorer.rst",
            category="Dataset",
            labels={"page": "The map, whose networks run at a click"},
        ),
    log:
        f"{RESULTS}/logs/explorer.log",
    benchmark:
        f"{RESULTS}/benchmarks/explorer.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=explorer_digest(),
    shell:
        "eiphase explore --no-open --output {output:q} -- {input:q} 2>&1 | tee -- {log:q} >&2"
