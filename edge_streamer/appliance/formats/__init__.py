"""The files that people and their tools put on the card, a module for each format; `card` calls them."""
