"""The composition root: it connects the parts, and starts, reloads and ends the service."""
