"""Run the command line as ``python -m bulkops``."""

from bulkops.cli.main import process

if __name__ == "__main__":
    process()
