-- What a signal could join is found by place, class and age, each class by its own window: in a city with a million open cases
-- nine of ten rows that were read were too old, and to read them cost ten times as much as in a city with a thousand.
-- Built before the old one goes: until then cases can be read.
CREATE INDEX cases_near_since ON cases (near, last_signal_at) WHERE state IN (4, 5);
DROP INDEX cases_near;
ALTER INDEX cases_near_since RENAME TO cases_near;

-- include outbox_2
