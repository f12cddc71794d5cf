# An empty file whose name tells all that is gathered. Where the sweep or the code has changed it is
# missing, and all is gathered again: whatever Snakemake remembers and whatever files' times say.


rule stamp:
    output:
        f"{RESULTS}/stamp/{{digest}}",
    log:
        f"{RESULTS}/logs/stamp/{{digest}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/stamp/{{digest}}.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=100,
        runtime=1,
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
    shell:
        # Stamps of what was gathered before go: it is about to be replaced.
        "{{ rm -rf -- {params.folder:q}/*; touch -- {output:q}; }} 2>&1 | tee -- {log:q} >&2"
