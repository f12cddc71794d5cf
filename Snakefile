# Draws the phase maps of one sweep. Another sweep: --config sweep=config/standard.yaml
include: "workflow/Snakefile"


# An included rule is no default, whatever it says.
workflow.default_target = "all"
