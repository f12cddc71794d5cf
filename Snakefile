# Draws the phase maps of one sweep. Another sweep: --config sweep=config/standard.yaml
from pathlib import Path

from snakemake.exceptions import WorkflowError

from eiphase import sweep as sweeps


configfile: Path(workflow.basedir) / "workflow/default_sweep.yaml"


SWEEP_FILE = Path(config["sweep"])
try:
    SWEEP = sweeps.load(SWEEP_FILE)
except sweeps.SweepError as error:
    raise WorkflowError(str(error)) from None
RESULTS = f"results/{SWEEP_FILE.stem}"


include: "workflow/rules/common.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/gather.smk"
include: "workflow/rules/figures.smk"


rule all:
    default_target: True
    input:
        f"{RESULTS}/phase_map.nc",
        FIGURES,
