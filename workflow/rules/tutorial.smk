# Lava's tutorial on excitatory-inhibitory networks: its two networks at its own settings.
TUTORIAL = {
    "balanced": {"q_factor": 1.0, "draw": 0},
    "critical": {"q_factor": (400 / 6) ** 0.5, "draw": 1},
}


rule tutorial:
    input:
        expand(
            "results/tutorial/figures/{figure}.{format}",
            figure=figures.TUTORIAL,
            format=["png", "pdf"],
        ),
    log:
        "results/tutorial/logs/tutorial.log",
    benchmark:
        "results/tutorial/benchmarks/tutorial.tsv"
    threads: 1
    resources:
        mem_mb=100,
        runtime=1,


rule simulate_tutorial:
    output:
        "results/tutorial/{network}_{backend}.nc",
    log:
        "results/tutorial/logs/{network}_{backend}.log",
    benchmark:
        "results/tutorial/benchmarks/{network}_{backend}.tsv"
    wildcard_constraints:
        network="|".join(TUTORIAL),
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        q_factor=lambda wildcards: TUTORIAL[wildcards.network]["q_factor"],
        draw=lambda wildcards: TUTORIAL[wildcards.network]["draw"],
        code=provenance.code_digest(recording=True),
    shell:
        "eiphase simulate --q {params.q_factor:q} --g 4.5 --seed 1234 --draw {params.draw:q}"
        " --backend {wildcards.backend:q} --autocovariance tutorial --output {output:q}"
        " --steps 1000 --burn-in 200 --max-lag 100"
        " --time-limit $(( {resources.runtime} * 60 ))"
        " 2>&1 | tee -- {log:q} >&2"


rule tutorial_figures:
    input:
        expand(
            "results/tutorial/{network}_{backend}.nc",
            network=TUTORIAL,
            backend=["rate", "lif_float", "lif_bit_accurate"],
        ),
    output:
        pdf=expand("results/tutorial/figures/{figure}.pdf", figure=figures.TUTORIAL),
        png=[
            report(
                f"results/tutorial/figures/{figure}.png",
                caption=f"../report/tutorial/{figure}.rst",
                category="Tutorial",
                labels={"figure": title},
            )
            for figure, title in figures.TUTORIAL.items()
        ],
    log:
        "results/tutorial/logs/figures.log",
    benchmark:
        "results/tutorial/benchmarks/figures.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=drawing_digest("tutorial", "recording"),
    shell:
        "eiphase draw-tutorial --recordings {input:q} --figures {output:q} 2>&1 | tee -- {log:q} >&2"
