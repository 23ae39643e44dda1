"""The command line: each command reads options, calls one stage, prints."""
