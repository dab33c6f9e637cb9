-- The relay's work, and the way of every event through the database.

-- include outbox_3
