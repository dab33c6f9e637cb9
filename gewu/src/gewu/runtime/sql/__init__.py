"""Tables that the runtime owns, as migrations include them."""
