"""Move data in and out of Talon.One by CSV."""

__version__ = "0.1.0"

__all__ = ["__version__"]
