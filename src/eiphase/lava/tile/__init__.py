"""The Lava Process that sweeps run, and its ProcessModel.

To find the models of a Process, Lava executes every file beside the one that defines the Process,
twice or more. So nothing else belongs into this folder.
"""
