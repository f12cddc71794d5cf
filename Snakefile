# Draws the phase maps of one sweep. Another sweep: --config sweep=config/standard.yaml
include: "workflow/Snakefile"
