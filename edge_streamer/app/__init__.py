"""The composition root: who knows whom, how the service starts, reloads and ends."""
