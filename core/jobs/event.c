/* Event records: see event.h. */
#include "jobs/event.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void event_clear(struct event *e)
{
	free(e->members);
	memset(e, 0, sizeof(*e));
}

/* The number of that name, or NaN (which is bound as null and leaves the column alone). */
static double member(const json_t *members, const char *name)
{
	const json_t *v = json_object_get(members, name);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* The row's integers are bound as reals: a STRICT column takes 79.0 as 79. */
static enum err take_progress(struct db *db, const char *job_id, const char *type,
			      const json_t *members, const char *text, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_PROGRESS);

	stmt_real(s, member(members, "epoch"));
	stmt_real(s, member(members, "step"));
	stmt_real(s, member(members, "total_steps"));
	stmt_text(s, strcmp(type, "eval") == 0 ? text : NULL);
	stmt_text(s, job_id);
	return db_run(s, ei);
}

static enum err insert(struct db *db, const char *job_id, const char *type, const char *text,
		       int64_t *seq, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_EVENT_INSERT);

	stmt_text(s, job_id);
	stmt_int(s, clock_now_ms());
	stmt_text(s, type);
	stmt_text(s, text);
	enum err e = stmt_step(s, ei);
	if (e == OK && seq)
		*seq = stmt_get_int(s, 0);
	return db_end(s, e, ei);
}

enum err event_insert(struct db *db, const char *job_id, const char *type, const json_t *members,
		      int64_t *seq, struct errinfo *ei)
{
	struct buf text = { 0 };
	enum err e;

	json_print(members, &text);
	e = insert(db, job_id, type, text.data, seq, ei);
	if (e == OK)
		e = take_progress(db, job_id, type, members, text.data, ei);
	buf_clear(&text);
	return e;
}

enum err event_add(struct db *db, const char *job_id, const char *type, const json_t *members,
		   int64_t *seq, struct errinfo *ei)
{
	enum err e = db_transaction(db, ei);

	if (e != OK)
		return e;
	return db_finish(db, event_insert(db, job_id, type, members, seq, ei), ei);
}

static void event_row(struct stmt *s, struct event *e)
{
	const char *type = stmt_get_text(s, 2);

	e->seq = stmt_get_int(s, 0);
	e->time_ms = stmt_get_int(s, 1);
	BUG_ON(strlen(type) >= sizeof(e->type));
	strcpy(e->type, type);
	e->members = mem_strdup(stmt_get_text(s, 3));
}

enum err event_list(struct db *db, const char *job_id, int64_t after, int limit, struct event **out,
		    int *n, struct errinfo *ei)
{
	struct event *list = mem_zalloc((size_t)limit + 1, sizeof(*list));
	struct stmt *s = db_begin(db, SQL_EVENT_LIST);
	int got = 0;
	enum err e;

	stmt_text(s, job_id);
	stmt_int(s, after);
	stmt_int(s, limit);
	while ((e = stmt_step(s, ei)) == OK)
		event_row(s, &list[got++]);
	e = db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
	if (e == OK) {
		*out = list;
		*n = got;
		return OK;
	}
	while (got)
		event_clear(&list[--got]);
	free(list);
	return e;
}

void event_print(const struct event *e, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE];

	buf_printf(out, "{\"seq\":%" PRId64 ",\"type\":\"%s\",\"time\":\"%s\"", e->seq, e->type,
		   clock_rfc3339(e->time_ms, when));
	if (strcmp(e->members, "{}") != 0)
		buf_putc(out, ',');
	buf_puts(out, e->members + 1);
}
