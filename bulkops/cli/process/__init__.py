"""The process of a command: streams, signals, the target, and its end."""
