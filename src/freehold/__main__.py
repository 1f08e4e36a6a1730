"""`python -m freehold` is the same as `freehold`."""

from freehold.cli.main import main

if __name__ == "__main__":
    main()
