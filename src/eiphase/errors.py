"""Exceptions whose message is one sentence for the user."""


class DatasetError(ValueError):
    """A file or dataset that is not what it should be; the message is one sentence."""
