"""Text in a picture: the font and the overlay line."""
