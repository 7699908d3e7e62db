"""Text -> one frozen `Config`: TOML, hardware profile, command line, and every check of them."""
