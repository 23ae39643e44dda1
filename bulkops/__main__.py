"""Run the command line as ``python -m bulkops``."""

from bulkops.cli.main import main

if __name__ == "__main__":
    main()
