"""What the codecs are: frames as values, and all that is known of H.264. Used by the server and by sources."""
