"""Prometheus metrics: the table of families, and their text exposition."""
