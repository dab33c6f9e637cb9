"""Reading a package's files: each kind of file has a module, and every fault is collected with its place."""
