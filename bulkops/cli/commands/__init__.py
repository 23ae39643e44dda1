"""Commands, one module each: read the options, call one stage, print the result. `bulkops.cli.main` lists them."""
