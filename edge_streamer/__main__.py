"""`python -m edge_streamer` is `edge-streamer`."""

import sys

from edge_streamer.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
