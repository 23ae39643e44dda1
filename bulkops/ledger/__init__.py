"""Where jobs are remembered: what survives a kill."""
