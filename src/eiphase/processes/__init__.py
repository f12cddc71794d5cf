"""The Lava Process that sweeps run, and its ProcessModels.

To find the models of a Process, Lava executes every file beside the one that defines
the Process, twice or more: nothing else belongs into this folder.
"""

import eiphase.lava_compatibility  # noqa: F401  must come before Lava's own modules
