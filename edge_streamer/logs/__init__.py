"""What is logged and how it leaves without blocking the loop: events, their text and fields, the journal, rate
limits."""
