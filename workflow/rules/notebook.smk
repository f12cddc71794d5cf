# The walk through a phase map, run on the sweep's own.


rule notebook:
    input:
        script=CHECKOUT / "notebooks/phase_map.py",
        phase_map=f"{RESULTS}/phase_map.nc",
    output:
        f"{RESULTS}/notebook.ipynb",
    log:
        f"{RESULTS}/logs/notebook.log",
    benchmark:
        f"{RESULTS}/benchmarks/notebook.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        # Its cells draw the map, and simulate a network themselves.
        figures=provenance.sources_digest("figures.save", "jobs.notebook"),
        code=provenance.code_digest(recording=True),
    shell:
        "eiphase notebook --time-limit $(( {resources.runtime} * 60 ))"
        " -- {input.script:q} {output:q}"
        " 2>&1 | tee -- {log:q} >&2"
