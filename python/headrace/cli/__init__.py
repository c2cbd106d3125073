"""The command line: ``headrace convert|inspect|verify|head``, also as ``python -m headrace``."""
