/* One file: see download.h. */
#include "hub/download.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_EVERY    (8 << 20) /* bytes between two looks at the disk */
#define REAL_GAIN      (1 << 20) /* bytes after which a cut connection starts a new count of tries */
#define PROGRESS_EVERY 0.25	 /* seconds */

/* The file as far as it is there. */
struct part {
	const struct download *d;
	int fd;
	int64_t bytes;
	int64_t next_check;
	int64_t asked;	   /* bytes when the last try began */
	int64_t furthest;  /* bytes at the last time the tries were counted anew */
	struct hash *hash; /* of the bytes */
	double reported;   /* when; monotonic */
	bool wrong;	   /* what is there cannot go on: from the start */
};

static bool is_known(const struct repo_file *f)
{
	return *f->sha256 || *f->blob;
}

/* Without a hash or an ETag nothing says that it is the same file. */
static bool can_go_on(const struct repo_file *f)
{
	return is_known(f) || *f->etag;
}

static void report(struct part *p, bool always)
{
	const struct download *d = p->d;
	const struct fetch_how *how = d->remote->how;
	double now = clock_monotonic();

	if (!how->progress || (!always && now - p->reported < PROGRESS_EVERY))
		return;
	p->reported = now;
	how->progress(how->ctx,
		      &(struct fetch_progress){ d->label, d->label_file, p->bytes, d->file->size });
}

static enum err part_empty(struct part *p, struct errinfo *ei)
{
	hash_free(p->hash);
	p->hash = hash_new();
	p->bytes = 0;
	p->next_check = CHECK_EVERY;
	p->wrong = false;
	if (ftruncate(p->fd, 0) != 0 || lseek(p->fd, 0, SEEK_SET) != 0)
		return err_errno(ei, "cannot empty %s", p->d->part);
	return OK;
}

/* Takes in what an earlier try left. */
static enum err part_read(struct part *p, struct errinfo *ei)
{
	enum { CHUNK = 1 << 18 };
	char *chunk = mem_alloc(CHUNK);
	ssize_t n;

	while ((n = read(p->fd, chunk, CHUNK)) > 0) {
		hash_add(p->hash, chunk, (size_t)n);
		p->bytes += n;
	}
	free(chunk);
	return n < 0 ? err_errno(ei, "cannot read %s", p->d->part) : OK;
}

static enum err part_open(const struct download *d, struct part *p, struct errinfo *ei)
{
	*p = (struct part){ .d = d, .hash = hash_new(), .next_check = CHECK_EVERY };
	p->fd = open(d->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (p->fd < 0) {
		enum err e = err_errno(ei, "cannot open %s", d->part);
		return e == ERR_NOT_FOUND ? ERR_IO : e;
	}
	enum err e = can_go_on(d->file) ? part_read(p, ei) : part_empty(p, ei);
	if (e == OK && d->file->size >= 0 && p->bytes > d->file->size)
		e = part_empty(p, ei);
	p->furthest = p->bytes;
	return e;
}

static void part_close(struct part *p)
{
	if (p->fd >= 0)
		close(p->fd);
	hash_free(p->hash);
}

static bool part_is_whole(const struct part *p)
{
	return p->d->file->size >= 0 && p->bytes == p->d->file->size;
}

/* The response */

static enum err mismatch(struct part *p, int64_t there, struct errinfo *ei)
{
	p->wrong = true;
	return err_set(ei, ERR_NETWORK,
		       "%s has %" PRId64 " bytes where it lies, not %" PRId64 " as was said",
		       p->d->label_file, there, p->d->file->size);
}

/* All of it comes. */
static enum err begin_whole(struct part *p, const struct http_response *head, struct errinfo *ei)
{
	struct repo_file *f = p->d->file;
	enum err e = p->bytes ? part_empty(p, ei) : OK;

	if (e != OK)
		return e;
	if (is_known(f)) {
		if (f->size >= 0 && head->content_length >= 0 && head->content_length != f->size)
			return mismatch(p, head->content_length, ei);
		if (f->size < 0)
			f->size = head->content_length;
		return OK;
	}
	f->size = head->content_length;
	snprintf(f->etag, sizeof(f->etag), "%s", head->etag);
	return OK;
}

/* The rest of it comes. */
static enum err begin_rest(struct part *p, const struct http_response *head, struct errinfo *ei)
{
	struct repo_file *f = p->d->file;

	if (p->bytes == 0 || head->range_from != p->bytes) {
		p->wrong = true;
		return err_set(ei, ERR_NETWORK, "the server sent another part of %s than asked for",
			       p->d->label_file);
	}
	if (head->range_total < 0)
		return OK;
	if (f->size >= 0 && head->range_total != f->size)
		return mismatch(p, head->range_total, ei);
	f->size = head->range_total;
	return OK;
}

static enum err on_begin(void *ctx, const struct http_response *head, struct errinfo *ei)
{
	struct part *p = ctx;
	enum err e = OK;

	if (head->status == 206)
		e = begin_rest(p, head, ei);
	else if (head->status >= 200 && head->status < 300)
		e = begin_whole(p, head, ei);
	else
		return OK;
	if (e == OK)
		report(p, false);
	return e;
}

static enum err write_bytes(struct part *p, const char *data, size_t n, struct errinfo *ei)
{
	while (n) {
		ssize_t w = write(p->fd, data, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_errno(ei, "cannot write %s", p->d->part);
		hash_add(p->hash, data, (size_t)w);
		p->bytes += w;
		data += w;
		n -= (size_t)w;
	}
	return OK;
}

static enum err on_body(void *ctx, const void *data, size_t n, struct errinfo *ei)
{
	struct part *p = ctx;
	int64_t size = p->d->file->size, after = p->bytes + (int64_t)n;

	if (size >= 0 && after > size) {
		p->wrong = true;
		return err_set(ei, ERR_NETWORK, "more than the %" PRId64 " bytes of %s came", size,
			       p->d->label_file);
	}
	if (after > p->d->max_bytes)
		return err_set(ei, ERR_TOO_LARGE, "%s is larger than %" PRId64 " bytes",
			       p->d->label_file, p->d->max_bytes);
	enum err e = write_bytes(p, data, n, ei);
	if (e != OK)
		return e;
	report(p, false);
	if (p->bytes < p->next_check)
		return OK;
	p->next_check = p->bytes + CHECK_EVERY;
	return cache_check_disk(p->d->cache, ei);
}

/* Until it is whole */

static enum err ask(struct part *p, struct http_response *res, struct errinfo *ei)
{
	const struct download *d = p->d;
	struct remote_sink sink = { on_begin, on_body, p };
	struct remote_part part = { .from = p->bytes };

	p->asked = p->bytes;
	if (p->bytes && !is_known(d->file))
		part.if_range = d->file->etag;
	return remote_try(d->remote, d->source, &part, d->max_bytes, &sink, res, ei);
}

static bool is_success(enum err e, const struct http_response *res)
{
	return e == OK && res->status >= 200 && res->status < 300;
}

/* Seconds to wait; -1: as long as usual. What was only cut goes on at once, and so does what starts
 * over because the server cannot go on. */
static int64_t wait_after(const struct part *p, enum err e, const struct http_response *res)
{
	bool cut = p->bytes > p->asked && (e == ERR_NETWORK || is_success(e, res));

	if (cut || p->wrong || (e == OK && res->status == 416))
		return 0;
	return e == OK ? res->retry_after_s : -1;
}

/* After a try that did not bring the end: OK when another is to be made. */
static enum err go_on(struct part *p, enum err e, const struct http_response *res, int *tries,
		      struct errinfo *ei)
{
	const struct download *d = p->d;
	bool out_of_range = e == OK && res->status == 416;

	if (e != OK && e != ERR_NETWORK)
		return e;
	if (e == OK && !out_of_range && !is_success(e, res) && !remote_status_passes(res->status))
		return d->source->refused(d->source->ctx, res, ei);
	if (e == OK)
		err_set(ei, ERR_NETWORK,
			"the server answered with status %d and %" PRId64 " bytes of %s",
			res->status, p->bytes, d->label_file);
	int64_t wait_s = wait_after(p, e, res);
	if (p->wrong || out_of_range || !can_go_on(d->file)) {
		e = part_empty(p, ei);
		if (e != OK)
			return e;
		p->furthest = 0;
	}
	if (p->bytes - p->furthest >= REAL_GAIN) {
		p->furthest = p->bytes;
		*tries = 0;
	}
	return remote_again(d->remote, tries, wait_s, ei);
}

static enum err transfer(struct part *p, struct errinfo *ei)
{
	bool whole = part_is_whole(p);
	int tries = 0;

	while (!whole) {
		struct http_response res = { 0 };
		enum err e = ask(p, &res, ei);
		whole = is_success(e, &res) && (p->d->file->size < 0 || part_is_whole(p));
		if (!whole)
			e = go_on(p, e, &res, &tries, ei);
		if (e != OK)
			return e;
	}
	return fsync(p->fd) == 0 ? OK : err_errno(ei, "cannot sync %s", p->d->part);
}

/* SHA-1 of "blob SIZE\0" and the content, as `git hash-object` prints it. */
static enum err git_blob(struct part *p, char out[SHA1_HEX_SIZE], struct errinfo *ei)
{
	enum { CHUNK = 1 << 16 };
	char head[40], *chunk = mem_alloc(CHUNK);
	int n_head = snprintf(head, sizeof(head), "blob %" PRId64, p->bytes);
	struct hash *h = hash_new_sha1();
	off_t at = 0;
	ssize_t n;

	hash_add(h, head, (size_t)n_head + 1);
	for (; (n = pread(p->fd, chunk, CHUNK, at)) > 0; at += n)
		hash_add(h, chunk, (size_t)n);
	hash_finish(h, out);
	free(chunk);
	return n < 0 ? err_errno(ei, "cannot read %s", p->d->part) : OK;
}

/* OK, ERR_NETWORK for another content. sha256 is set in both cases. */
static enum err verify(struct part *p, char *sha256, struct errinfo *ei)
{
	const struct repo_file *f = p->d->file;
	char blob[SHA1_HEX_SIZE] = "";

	hash_finish(p->hash, sha256);
	p->hash = NULL;
	if (*f->sha256 && strcmp(f->sha256, sha256) != 0)
		return err_set(ei, ERR_NETWORK, "%s came with the SHA-256 %s, but the Hub says %s",
			       p->d->label_file, sha256, f->sha256);
	if (*f->sha256 || !*f->blob)
		return OK;
	enum err e = git_blob(p, blob, ei);
	if (e == OK && strcmp(f->blob, blob) != 0)
		e = err_set(ei, ERR_NETWORK, "%s came with the git hash %s, but the Hub says %s",
			    p->d->label_file, blob, f->blob);
	return e;
}

/* One round: *again when what came was whole but wrong. */
static enum err fetch_once(const struct download *d, char *sha256, bool *again, struct errinfo *ei)
{
	struct part p;
	enum err e = part_open(d, &p, ei);

	*again = false;
	if (e == OK) {
		report(&p, true);
		e = transfer(&p, ei);
	}
	if (e == OK) {
		e = verify(&p, sha256, ei);
		*again = e == ERR_NETWORK;
		report(&p, true);
	}
	part_close(&p);
	return e;
}

enum err download(const struct download *d, char sha256[SHA256_HEX_SIZE], struct errinfo *ei)
{
	struct errinfo why = { "" };
	bool again;
	enum err e = fetch_once(d, sha256, &again, &why);

	if (again) {
		log_warn("fetch_wrong", "detail=%s", log_q(why.msg));
		unlink(d->part);
		e = fetch_once(d, sha256, &again, &why);
		if (again)
			unlink(d->part);
	}
	if (e != OK)
		*ei = why;
	return e;
}
