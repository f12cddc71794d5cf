"""The readable reference: the same networks step by step, of Lava's own Processes.

In a folder of its own, for to find the models of a Process Lava executes every file beside the
one that defines it.
"""

import eiphase.lava_compatibility  # noqa: F401  must come before Lava's own modules
