"""`python -m connector.simulator`: the simulator in the foreground."""

from connector.simulator.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
