"""The only room that imports Lava: running a Process to its end, and the Processes themselves.

Importing it makes lava-nc importable on Pythons that lava-nc does not declare.
"""

import eiphase.lava.compatibility  # noqa: F401  before anything of Lava's
