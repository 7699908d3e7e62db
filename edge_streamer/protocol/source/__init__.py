"""What the server and a source process say to each other: requests, messages and the inventory. Sans-IO."""
