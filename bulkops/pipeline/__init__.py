"""Combine all stages of an import; only this package imports every other one."""
