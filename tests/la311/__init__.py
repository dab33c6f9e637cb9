"""A real city's reports through the running system, compared with the answers that the city itself gave."""
