"""`python -m longshore_client`: the `longshore` command, where its script is not installed."""

from longshore_client.cli import main

if __name__ == "__main__":
    main()
