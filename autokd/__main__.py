"""Runs the command line as ``python -m autokd``."""

from autokd.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
