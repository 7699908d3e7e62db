"""TCP on the loop: listeners, connections with a bounded write queue, and how a dead peer is found."""
