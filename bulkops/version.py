"""The version, apart from the package itself, so that lower layers can name it."""

__version__ = "0.1.0"
