"""Lava Processes and their ProcessModels.

To find the models of a Process, Lava executes every file beside the one that defines
the Process: nothing else belongs into this folder.
"""

import eiphase.lava_compatibility  # noqa: F401  must come before Lava's own modules
