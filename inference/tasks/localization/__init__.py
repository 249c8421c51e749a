"""Where is it? Boxes of named structures, from the model's coordinates back to pixels of the source."""
