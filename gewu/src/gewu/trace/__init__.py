"""One signal's whole way, from the log and the tables, as an operator asks for it. It reads, and changes nothing."""
