"""One module for each command: read the options, call one stage, print the result."""
