"""`python -m rumpf`: the same as the `rumpf` command."""

from rumpf.cli import main

if __name__ == "__main__":
    main()
