/* Downloads under way: see downloads.h. */
#include "jobs/downloads.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/event.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TELL_SECONDS 5
#define TELL_BYTES   (1 << 20)

struct download {
	char *owner, *source, *file;
	int64_t bytes, total;
	struct download *next;
};

struct downloads {
	pthread_mutex_t lock;
	struct download *list;
};

struct downloads *downloads_new(void)
{
	struct downloads *d = mem_zalloc(1, sizeof(*d));

	pthread_mutex_init(&d->lock, NULL);
	return d;
}

static void download_clear(struct download *x)
{
	free(x->owner);
	free(x->source);
	free(x->file);
}

void downloads_free(struct downloads *d)
{
	while (d && d->list) {
		struct download *x = d->list;
		d->list = x->next;
		download_clear(x);
		free(x);
	}
	if (d)
		pthread_mutex_destroy(&d->lock);
	free(d);
}

/* The place in the list where the owner's download is, or its end. Under the lock. */
static struct download **find(struct downloads *d, const char *owner)
{
	struct download **at = &d->list;

	while (*at && strcmp((*at)->owner, owner) != 0)
		at = &(*at)->next;
	return at;
}

void downloads_note(struct downloads *d, const char *owner, const struct fetch_progress *p)
{
	pthread_mutex_lock(&d->lock);
	struct download **at = find(d, owner);
	if (*at)
		download_clear(*at);
	else
		*at = mem_zalloc(1, sizeof(**at));
	struct download *x = *at;
	x->owner = mem_strdup(owner);
	x->source = mem_strdup(p->source);
	x->file = mem_strdup(p->file);
	x->bytes = p->bytes;
	x->total = p->total;
	pthread_mutex_unlock(&d->lock);
}

void downloads_end(struct downloads *d, const char *owner)
{
	pthread_mutex_lock(&d->lock);
	struct download **at = find(d, owner), *x = *at;
	if (x) {
		*at = x->next;
		download_clear(x);
		free(x);
	}
	pthread_mutex_unlock(&d->lock);
}

static json_t *to_json(const char *source, const char *file, int64_t bytes, int64_t total)
{
	return json_pack("{s:s, s:s, s:I, s:o}", "source", source, "file", file, "bytes",
			 (json_int_t)bytes, "total_bytes",
			 total >= 0 ? json_integer(total) : json_null());
}

json_t *downloads_json(struct downloads *d, const char *owner)
{
	pthread_mutex_lock(&d->lock);
	const struct download *x = *find(d, owner);
	json_t *o = x ? to_json(x->source, x->file, x->bytes, x->total) : NULL;
	pthread_mutex_unlock(&d->lock);
	return o;
}

static bool watch_cancelled(void *ctx)
{
	struct download_watch *w = ctx;

	return w->cancelled && w->cancelled(w->ctx);
}

static bool worth_telling(const struct download_watch *w, const struct fetch_progress *p)
{
	bool ends = p->bytes == p->total;

	if (p->total >= 0 && p->total < TELL_BYTES)
		return false;
	return ends || w->told == 0 || clock_monotonic() - w->told >= TELL_SECONDS;
}

static void watch_progress(void *ctx, const struct fetch_progress *p)
{
	struct download_watch *w = ctx;
	struct errinfo ei;

	downloads_note(w->downloads, w->job_id, p);
	if (!worth_telling(w, p))
		return;
	w->told = p->bytes == p->total ? 0 : clock_monotonic();
	json_t *record = json_pack("{s:s, s:o}", "status", w->status, "download",
				   to_json(p->source, p->file, p->bytes, p->total));
	/* A job that has just been cancelled takes no more records, and needs none. */
	if (event_add(w->db, w->job_id, "status", record, NULL, &ei) == OK)
		hub_publish(w->hub, w->job_id);
	else
		log_debug("download_not_told", "job=%s error=%s", w->job_id, log_q(ei.msg));
	json_decref(record);
}

void download_watch_begin(struct download_watch *w)
{
	w->told = 0;
	w->how = (struct fetch_how){ .cancelled = watch_cancelled,
				     .progress = watch_progress,
				     .ctx = w };
}

void download_watch_end(struct download_watch *w)
{
	downloads_end(w->downloads, w->job_id);
}
