"""`python -m periplus`: the command line, where no script is on the PATH."""

from periplus.cli import main

if __name__ == "__main__":
    main()
