"""What runs in a process of its own beside the services: ceilings, clients and the library's hot parts by themselves."""
