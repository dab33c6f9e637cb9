"""From the picture of a plate to its text: a model, the grammar of plates, and several pictures voting."""
