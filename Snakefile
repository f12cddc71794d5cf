# Draws the phase maps of one sweep. Another sweep: --config sweep=config/standard.yaml
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from eiphase import figures, provenance, remapping
from eiphase import sweep as sweeps

if unknown := set(config) - {"sweep"}:
    raise WorkflowError(f"--config has {min(unknown)}, but only sweep is allowed.")
SWEEP_FILE = Path(str(config.get("sweep", "config/demo.yaml")))
try:
    SWEEP = sweeps.load(SWEEP_FILE)
except sweeps.SweepError as error:
    raise WorkflowError(str(error)) from None
# So that rules find `eiphase` even where the environment is not activated.
shell.prefix(  # in place of Snakemake's own, which has the first line: a job fails if it fails
    "set -euo pipefail; " f"export PATH='{Path(sys.executable).parent}':$PATH; "
)


report: "workflow/report/workflow.rst"


RESULTS = f"results/{SWEEP_FILE.stem}"


include: "workflow/rules/common.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/refine.smk"
include: "workflow/rules/gather.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/overview.smk"
include: "workflow/rules/mappings.smk"
include: "workflow/rules/notebook.smk"
include: "workflow/rules/tutorial.smk"


rule all:
    default_target: True
    input:
        rules.gather.output,
        rules.figures.output,
        rules.summary.output,
        OVERVIEW,
