"""Import the files that partners drop into a folder: each once, with evidence, without a person at the terminal."""
