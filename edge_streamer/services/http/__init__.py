"""HTTP on the loop: listeners, access control, routing and responses. It knows no path."""
