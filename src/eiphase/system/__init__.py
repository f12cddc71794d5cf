"""Processes that end and files that are written as a whole."""
