"""How media leaves a session: one module for each transport."""
