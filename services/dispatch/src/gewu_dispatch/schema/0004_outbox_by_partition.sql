-- readers: 4
-- The relay's work, and the way of every event through the database. Whoever knows only rows of one event cannot go on.

-- include outbox_3
