"""The source processes: started, watched, started again, and asked for changes and snapshots."""
