/* Every SQL statement of the program. db.c prepares them all when the database opens.
 *
 * Parameters are bound in the order of their numbers. One list of columns a table serves every
 * statement that reads its rows; the one function that reads such a row (job_row and the like)
 * knows the order. */
#ifndef BERTD_JOBS_STATEMENTS_H
#define BERTD_JOBS_STATEMENTS_H

#define JOB_COLS \
	"j.id, j.state, j.name, j.spec, j.report, j.best, j.metrics, j.attempt, " \
	"j.created_ms, j.started_ms, j.ended_ms, j.epoch, j.step, j.total_steps, " \
	"j.error_code, j.error_message, j.error_hint, " \
	"(SELECT m.id FROM models m WHERE m.job_id = j.id), " \
	"CASE j.state WHEN 'queued' THEN " \
	"(SELECT count(*) FROM jobs q WHERE q.state = 'queued' AND q.id <= j.id) ELSE 0 END"
#define MODEL_COLS \
	"m.id, m.job_id, m.name, m.base, m.labels, m.metrics, m.sha256, m.bytes, m.created_ms, " \
	"m.source_sha256, m.tar_sha256"
#define DATASET_COLS "id, name, format, columns, bytes, n_rows, created_ms"
#define NOT_ENDED    "('queued', 'preparing', 'running', 'cancelling')"
/* What jobs that have not ended start from, and whether that is the model or a checkpoint of job j;
 * of several jobs of one name any. */
#define BASES \
	"WITH bases (name) AS MATERIALIZED " \
	"(SELECT json_extract(spec, '$.model') FROM jobs WHERE state IN " NOT_ENDED ") "
#define IS_BASE \
	"EXISTS (SELECT 1 FROM bases b WHERE b.name LIKE j.id || '/%' OR " \
	"b.name IN (j.id, j.name, (SELECT m.id FROM models m WHERE m.job_id = j.id)))"

#define STATEMENTS(X) \
	X(SQL_JOB_INSERT, "INSERT INTO jobs (id, state, name, spec, report, attempt, created_ms, " \
			  "epoch, step, total_steps, idempotency_key, body_sha256) " \
			  "VALUES (?1, 'queued', ?2, ?3, ?4, 0, ?5, 0, 0, 0, ?6, ?7)") \
	X(SQL_JOB_BY_KEY, "SELECT id, body_sha256 FROM jobs WHERE idempotency_key = ?1") \
	X(SQL_JOB_BY_ID, "SELECT " JOB_COLS " FROM jobs j WHERE j.id = ?1") \
	X(SQL_JOB_LIST, "SELECT " JOB_COLS " FROM jobs j WHERE j.id < coalesce(?1, '~') " \
			"ORDER BY j.id DESC LIMIT ?2") \
	X(SQL_JOB_LIST_IN_STATE, "SELECT " JOB_COLS " FROM jobs j WHERE j.state = ?3 " \
				 "AND j.id < coalesce(?1, '~') ORDER BY j.id DESC LIMIT ?2") \
	X(SQL_JOB_COUNTS, "SELECT state, count(*) FROM jobs GROUP BY state") \
	X(SQL_JOB_OLDEST_QUEUED, "SELECT min(created_ms) FROM jobs WHERE state = 'queued'") \
	X(SQL_JOB_NEXT, "SELECT " JOB_COLS " FROM jobs j WHERE j.state = 'queued' " \
			"ORDER BY j.id LIMIT 1") \
	X(SQL_JOB_COUNT_QUEUED, "SELECT count(*) FROM jobs WHERE state = 'queued'") \
	X(SQL_JOB_ENDED, BASES \
	  "SELECT j.id, (SELECT m.id FROM models m WHERE m.job_id = j.id), " IS_BASE \
	  " FROM jobs j WHERE j.state NOT IN " NOT_ENDED " ORDER BY j.ended_ms DESC, j.id DESC") \
	X(SQL_JOB_PRUNE, \
	  BASES "DELETE FROM jobs AS j WHERE j.id = ?1 AND NOT " IS_BASE " RETURNING id") \
	X(SQL_JOB_DELETE, "DELETE FROM jobs WHERE id = ?1") \
	X(SQL_JOB_CLAIM, "UPDATE jobs SET state = 'preparing', attempt = attempt + 1, " \
			 "started_ms = coalesce(started_ms, ?1) WHERE id = " \
			 "(SELECT id FROM jobs WHERE state = 'queued' ORDER BY id LIMIT 1) " \
			 "RETURNING id") \
	X(SQL_JOB_ORPHANS, "SELECT id FROM jobs " \
			   "WHERE state IN ('preparing', 'running', 'cancelling') ORDER BY id") \
	X(SQL_JOB_ENTER, "UPDATE jobs SET state = ?1, attempt = attempt - ?2, " \
			 "ended_ms = nullif(?3, 0), error_code = ?4, error_message = ?5, " \
			 "error_hint = ?6 WHERE id = ?7") \
	X(SQL_JOB_RESULT, "UPDATE jobs SET state = 'succeeded', ended_ms = ?1, metrics = ?2, " \
			  "step = ?3 WHERE id = ?4") \
	X(SQL_JOB_PROGRESS, \
	  "UPDATE jobs SET epoch = coalesce(?1, epoch), step = coalesce(?2, step), " \
	  "total_steps = coalesce(?3, total_steps), metrics = coalesce(?4, metrics) " \
	  "WHERE id = ?5 AND state IN " NOT_ENDED) \
	X(SQL_JOB_SET_REPORT, "UPDATE jobs SET report = ?1 WHERE id = ?2 RETURNING id") \
	X(SQL_JOB_SET_TOTAL, "UPDATE jobs SET total_steps = ?1 WHERE id = ?2 RETURNING id") \
	X(SQL_JOB_SET_BEST, "UPDATE jobs SET best = ?1 WHERE id = ?2 RETURNING id") \
	X(SQL_EVENT_INSERT, "INSERT INTO events (job_id, seq, time_ms, type, members) " \
			    "VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM events " \
			    "WHERE job_id = ?1), ?2, ?3, ?4) RETURNING seq") \
	X(SQL_EVENT_LIST, "SELECT seq, time_ms, type, members FROM events " \
			  "WHERE job_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3") \
	X(SQL_CHECKPOINT_PUT, \
	  "INSERT INTO checkpoints (job_id, step, epoch, metrics, sha256, bytes, created_ms) " \
	  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (job_id, step) DO UPDATE SET " \
	  "epoch = excluded.epoch, metrics = excluded.metrics, sha256 = excluded.sha256, " \
	  "bytes = excluded.bytes, created_ms = excluded.created_ms, tar_sha256 = NULL") \
	X(SQL_CHECKPOINT_DELETE, "DELETE FROM checkpoints WHERE job_id = ?1 AND step = ?2") \
	X(SQL_CHECKPOINT_LIST, "SELECT step, epoch, metrics, sha256, bytes, created_ms " \
			       "FROM checkpoints WHERE job_id = ?1 ORDER BY step") \
	X(SQL_CHECKPOINT_FIND, "SELECT 1 FROM checkpoints WHERE job_id = ?1 AND step = ?2") \
	X(SQL_CHECKPOINT_TAR, "SELECT created_ms, tar_sha256 FROM checkpoints " \
			      "WHERE job_id = ?1 AND step = ?2") \
	X(SQL_CHECKPOINT_SET_TAR, "UPDATE checkpoints SET tar_sha256 = ?1 " \
				  "WHERE job_id = ?2 AND step = ?3 AND created_ms = ?4") \
	X(SQL_MODEL_INSERT, \
	  "INSERT INTO models (id, job_id, name, base, labels, metrics, sha256, bytes, " \
	  "created_ms) " \
	  "SELECT ?1, j.id, j.name, json_extract(j.spec, '$.model'), ?3, ?4, ?5, ?6, ?7 " \
	  "FROM jobs j WHERE j.id = ?2") \
	X(SQL_MODEL_IMPORT, \
	  "INSERT INTO models (id, name, labels, sha256, bytes, created_ms, source_sha256) " \
	  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)") \
	X(SQL_MODEL_BY_ID, "SELECT " MODEL_COLS " FROM models m WHERE m.id = ?1") \
	X(SQL_MODEL_BY_NAME, "SELECT " MODEL_COLS " FROM models m WHERE m.name = ?1 " \
			     "ORDER BY m.id DESC LIMIT 1") \
	X(SQL_MODEL_BY_TAR, "SELECT " MODEL_COLS " FROM models m " \
			    "WHERE (m.source_sha256 = ?1 OR m.tar_sha256 = ?1) " \
			    "AND (?2 IS NULL OR m.name = ?2) ORDER BY m.id LIMIT 1") \
	X(SQL_MODEL_LIST, "SELECT " MODEL_COLS " FROM models m " \
			  "WHERE m.id < coalesce(?1, '~') ORDER BY m.id DESC LIMIT ?2") \
	X(SQL_MODEL_SET_TAR, "UPDATE models SET tar_sha256 = ?1 WHERE id = ?2") \
	X(SQL_MODEL_DELETE, "DELETE FROM models WHERE id = ?1 RETURNING id") \
	X(SQL_DATASET_INSERT, \
	  "INSERT INTO datasets (id, name, format, columns, bytes, n_rows, created_ms) " \
	  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING RETURNING id") \
	X(SQL_DATASET_BY_ID, "SELECT " DATASET_COLS " FROM datasets WHERE id = ?1") \
	X(SQL_DATASET_LIST, \
	  "SELECT " DATASET_COLS " FROM datasets WHERE ?1 IS NULL OR (created_ms, id) < " \
	  "(SELECT d.created_ms, d.id FROM datasets d WHERE d.id = ?1) " \
	  "ORDER BY created_ms DESC, id DESC LIMIT ?2") \
	X(SQL_DATASET_USER, "SELECT id FROM jobs WHERE state IN " NOT_ENDED " AND ?1 IN (" \
			    "json_extract(spec, '$.dataset.train.file'), " \
			    "json_extract(spec, '$.dataset.validation.file'), " \
			    "json_extract(spec, '$.dataset.test.file')) LIMIT 1") \
	X(SQL_DATASET_DELETE, "DELETE FROM datasets WHERE id = ?1 RETURNING id")

enum statement {
#define X(name, sql) name,
	STATEMENTS(X)
#undef X
		N_STATEMENTS
};

#endif
