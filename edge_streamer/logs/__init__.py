"""The log: events, their text and fields, rate limits, and handlers that never block the loop (journal, stderr)."""
