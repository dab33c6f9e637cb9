-- What still stands after its case was handled is said again, and the new case names the one before.
ALTER TABLE cases ADD COLUMN follows uuid;

-- The signal by which a device was said to be silent, and of which silence: after its last reading as of then.
ALTER TABLE sensors ADD COLUMN silent_said uuid, ADD COLUMN silent_since timestamptz;
-- Which sensors of a case are beyond their limits. A reading does not write it, a crossing does.
CREATE INDEX sensors_case ON sensors (case_id) WHERE case_id IS NOT NULL;
-- Whoever was said to be silent by a release of before is looked at once more; it is said under the same id, which is a repeat.
UPDATE sensors SET due_at = received_at WHERE due_at IS NULL;
