# An empty file whose name tells all that is gathered. Where the sweep or the code has changed it is
# missing, and all is gathered again: whatever Snakemake remembers and whatever files' times say.
import hashlib

GATHERED = [
    SWEEP.digest,
    *(SWEEP.tile_path(tile) for tile in SWEEP.all_tiles()),
    *refined(),
    provenance.sources_digest(
        "gathering",
        "seal",
        "dataset",
        "tile_file",
        "phases",
        "borders",
        "refinement",
        "critical_line",
        "meanfield",
        "fixed_point",
        "erf_averages",
    ),
]
DIGEST = hashlib.sha256(repr(GATHERED).encode()).hexdigest()[:16]


def stamp(wildcards):
    """What all that depends on the whole sweep takes as input.

    Snakemake leaves a file missing that is only on the way to its targets, unless it is forced.
    """
    path = Path(rules.stamp.output[0].format(digest=DIGEST))
    if workflow.is_main_process and not path.exists():
        workflow.dag.forcerules.add(rules.stamp.rule)
    return f"{RESULTS}/stamp/{DIGEST}"


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
