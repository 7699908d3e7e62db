"""The protocol between the server and its source processes: requests, messages and the inventory. Sans-IO."""
