-- The first schema: jobs, their events and checkpoints, the models they made, uploaded data sets.
-- Times are milliseconds since 1970 UTC. JSON columns hold the text of one value.

CREATE TABLE jobs (
	id              TEXT PRIMARY KEY NOT NULL, -- "job_" and a ULID: sorts by time of creation
	state           TEXT NOT NULL              -- a state of core/jobs/job.h; jobs_edges guards its changes
	                CHECK (state IN ('queued', 'preparing', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
	name            TEXT,                      -- the user's name for it, or null; several jobs may share one
	spec            TEXT NOT NULL,             -- JSON: the request with every default written out
	report          TEXT NOT NULL,             -- JSON: what was found in the data
	best            TEXT,                      -- JSON {"metric", "value", "step"}: the best evaluation so far
	metrics         TEXT,                      -- JSON: the last evaluation, then the metrics of the result
	attempt         INTEGER NOT NULL,          -- times it was claimed and not given back by a clean stop
	created_ms      INTEGER NOT NULL,          -- when it was queued first
	started_ms      INTEGER,                   -- when it was claimed first
	ended_ms        INTEGER,                   -- when it came to a final state
	epoch           REAL NOT NULL,             -- progress: epochs done, with a fraction
	step            INTEGER NOT NULL,          -- progress: optimizer steps done
	total_steps     INTEGER NOT NULL,          -- optimizer steps of the whole run; 0 until it is known
	error_code      TEXT,                      -- why it failed, for programs
	error_message   TEXT,                      -- why it failed, for people
	error_hint      TEXT,                      -- what to try instead
	idempotency_key TEXT UNIQUE,               -- of the request that made it, or null
	body_sha256     TEXT NOT NULL              -- of that request's body: tells a repeat from a misuse of the key
) STRICT;

CREATE INDEX jobs_by_state ON jobs (state, id);              -- the queue, lists by state, counts
CREATE INDEX jobs_by_name ON jobs (name, id) WHERE name IS NOT NULL; -- the newest job of a name

CREATE TRIGGER jobs_first BEFORE INSERT ON jobs
WHEN NEW.state <> 'queued'
BEGIN
	SELECT RAISE(ABORT, 'a job starts as queued');
END;

CREATE TRIGGER jobs_edges BEFORE UPDATE OF state ON jobs
WHEN (OLD.state, NEW.state) NOT IN (VALUES
	('queued', 'preparing'), ('queued', 'cancelled'),
	('preparing', 'running'), ('preparing', 'queued'), ('preparing', 'cancelling'), ('preparing', 'failed'),
	('running', 'succeeded'), ('running', 'failed'), ('running', 'cancelling'), ('running', 'queued'),
	('cancelling', 'cancelled'))
BEGIN
	SELECT RAISE(ABORT, 'the job cannot go to that state from where it is');
END;

CREATE TRIGGER jobs_final BEFORE UPDATE ON jobs
WHEN OLD.state IN ('succeeded', 'failed', 'cancelled')
BEGIN
	SELECT RAISE(ABORT, 'a job that has ended does not change');
END;

CREATE TRIGGER jobs_delete BEFORE DELETE ON jobs
WHEN OLD.state NOT IN ('succeeded', 'failed', 'cancelled')
BEGIN
	SELECT RAISE(ABORT, 'a job that has not ended cannot be deleted');
END;

CREATE TABLE events (
	job_id  TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, -- whose record it is
	seq     INTEGER NOT NULL CHECK (seq > 0),                     -- 1, 2, 3 … without a gap within the job
	time_ms INTEGER NOT NULL,                                     -- when it was stored
	type    TEXT NOT NULL                                         -- the kind of the record
	        CHECK (type IN ('log', 'eval', 'train', 'test', 'checkpoint', 'status', 'done')),
	members TEXT NOT NULL,                                        -- JSON object: what stands behind time in the record
	PRIMARY KEY (job_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER events_done BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE job_id = NEW.job_id AND seq = NEW.seq - 1 AND type = 'done')
BEGIN
	SELECT RAISE(ABORT, 'nothing follows the record "done"');
END;

CREATE TABLE checkpoints (
	job_id     TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, -- whose checkpoint it is
	step       INTEGER NOT NULL,                                     -- its folder is checkpoint-<step>
	epoch      REAL NOT NULL,                                        -- epochs done, with a fraction
	metrics    TEXT,                                                 -- JSON: the evaluation at this step, or null
	sha256     TEXT NOT NULL,                                        -- of its model.safetensors
	bytes      INTEGER NOT NULL,                                     -- of all its files when it was written
	created_ms INTEGER NOT NULL,                                     -- when it was published
	PRIMARY KEY (job_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
	id         TEXT PRIMARY KEY NOT NULL,                                   -- "mdl_" and a ULID; the name of its folder
	job_id     TEXT NOT NULL UNIQUE REFERENCES jobs (id) ON DELETE CASCADE, -- the job that made it
	labels     TEXT NOT NULL,                                               -- JSON array: class names in the order of their indices
	metrics    TEXT,                                                        -- JSON: of the final evaluation
	sha256     TEXT NOT NULL,                                               -- of its model.safetensors
	bytes      INTEGER NOT NULL,                                            -- of all its files
	created_ms INTEGER NOT NULL                                             -- when it was published
) STRICT;

CREATE TABLE datasets (
	id         TEXT PRIMARY KEY NOT NULL, -- "ds_" and the sha256 of the content
	name       TEXT,                      -- the user's name for it, or null
	format     TEXT NOT NULL,             -- "csv" or "jsonl"
	columns    TEXT NOT NULL,             -- JSON array: column names
	bytes      INTEGER NOT NULL,          -- of the file
	n_rows     INTEGER NOT NULL,          -- without the header
	created_ms INTEGER NOT NULL           -- when it was uploaded first
) STRICT;

CREATE INDEX datasets_by_time ON datasets (created_ms, id); -- the list, newest first
