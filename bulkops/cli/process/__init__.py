"""The process of a command: streams, signals, processors, the connection and the exit code."""
