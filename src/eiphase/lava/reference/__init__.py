"""The readable reference: the same networks step by step, made of Lava's own Processes.

It has a folder of its own because Lava executes every file beside the one that defines a Process.
"""
