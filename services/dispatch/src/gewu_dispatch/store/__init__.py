"""How dispatch remembers; SQL lives only here. Every function takes the connection of the caller's transaction."""
