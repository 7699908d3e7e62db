"""The `edge-streamer` command: arguments -> one command -> its exit code."""
