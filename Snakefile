# Draws the phase maps of one sweep. Another sweep: --config sweep=config/standard.yaml
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

import eiphase
from eiphase import errors, figures
from eiphase.backends import BACKENDS
from eiphase.sweep import provenance, remapping
from eiphase.sweep.load import load
from eiphase.system import interruption

CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
OWN_CODE = CHECKOUT / "src/eiphase/__init__.py"
if OWN_CODE.exists() and not OWN_CODE.samefile(eiphase.__file__):
    raise WorkflowError(
        f"This is the workflow in {CHECKOUT}, but eiphase is imported from"
        f" {Path(eiphase.__file__).parent}, another copy: in {CHECKOUT} run `make .venv/ready`"
        " and `source .venv/bin/activate`."
    )
if "sweep" not in config and workflow.overwrite_configfiles:
    raise WorkflowError(
        f"--configfile is {workflow.overwrite_configfiles[0]}, but a sweep is named by --config:"
        f" `--config sweep={workflow.overwrite_configfiles[0]}`."
    )
if unknown := set(config) - {"sweep"}:
    raise WorkflowError(f"--config has {min(unknown)}, but only sweep is allowed.")
SWEEP_FILE = Path(str(config.get("sweep", "config/demo.yaml")))
if "sweep" not in config and not SWEEP_FILE.exists():  # called from elsewhere
    SWEEP_FILE = CHECKOUT / SWEEP_FILE
if "{" in str(SWEEP_FILE):
    raise WorkflowError(
        f"Sweep config {SWEEP_FILE}: Snakemake takes no name with a brace."
    )
try:
    errors.require_linux()
    SWEEP = load(SWEEP_FILE)
except errors.UserError as error:
    raise WorkflowError(str(error)) from None
# So that rules find `eiphase` even where the environment is not activated.
BIN = shlex.quote(str(Path(sys.executable).parent))
shell.prefix(  # in place of Snakemake's own, which has the first line: a job fails if it fails
    "set -euo pipefail; "
    + f'export PATH={BIN}:"$PATH"; '.replace("{", "{{").replace("}", "}}")
)
if workflow.is_main_process and CHECKOUT.samefile(workflow.basedir):
    interruption.say_how_to_go_on(logger)


report: "workflow/report/workflow.rst"


RESULTS = f"results/{SWEEP_FILE.stem}"


include: "workflow/rules/common.smk"
include: "workflow/rules/stamp.smk"
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
