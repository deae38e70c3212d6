-- Models that were imported and not made by a job here, models by name, and the sha256 of exports.

CREATE TABLE models_new (
	id            TEXT PRIMARY KEY NOT NULL,                          -- "mdl_" and a ULID; the name of its folder
	job_id        TEXT UNIQUE REFERENCES jobs (id) ON DELETE CASCADE, -- the job that made it; null: it was imported
	name          TEXT,                                               -- of its job, or given with the import, or null; several may share one
	base          TEXT,                                               -- the model it was fine-tuned from; null: not known
	labels        TEXT NOT NULL,                                      -- JSON array: class names in the order of their indices
	metrics       TEXT,                                               -- JSON: of the final evaluation; null: not known
	sha256        TEXT NOT NULL,                                      -- of its model.safetensors
	bytes         INTEGER NOT NULL,                                   -- of all its files
	created_ms    INTEGER NOT NULL,                                   -- when it was published
	source_sha256 TEXT,                                               -- of the tar that was imported, or null
	tar_sha256    TEXT                                                -- of its export; null until somebody asked for it
) STRICT;

INSERT INTO models_new
SELECT m.id, m.job_id, j.name, json_extract(j.spec, '$.model'), m.labels, m.metrics, m.sha256, m.bytes, m.created_ms, NULL, NULL
FROM models m JOIN jobs j ON j.id = m.job_id;

DROP TABLE models;
ALTER TABLE models_new RENAME TO models;

CREATE INDEX models_by_name ON models (name, id) WHERE name IS NOT NULL; -- the newest model of a name

ALTER TABLE checkpoints ADD COLUMN
	tar_sha256 -- of its export; null until somebody asked for it
	TEXT;
