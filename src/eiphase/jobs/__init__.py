"""What the workflow runs: one file a rule, and the files that the rules exchange."""
