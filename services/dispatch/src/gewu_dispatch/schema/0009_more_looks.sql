-- From a picture to the moves that name it.
CREATE INDEX action_pictures_sha256 ON action_pictures (sha256);
