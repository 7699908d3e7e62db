"""`python -m edge_streamer.appliance`: a boot of a device image."""

import sys

from edge_streamer.appliance.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
