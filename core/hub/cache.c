/* The cache: see cache.h. What makes room in it is in evict.c. */
#include "hub/cache_impl.h"

#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/names.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_SLICE_MS 100 /* how long a cancellation waits for us */

struct held {
	struct held *next;
	char key[];
};

enum err cache_open(const char *dir, const struct cache_limits *limits, struct cache **out,
		    struct errinfo *ei)
{
	enum err e = files_make_dirs(dir, ei);
	if (e != OK)
		return e == ERR_NOT_FOUND ? ERR_IO : e;

	struct cache *c = mem_zalloc(1, sizeof(*c));
	c->dir = mem_strdup(dir);
	c->limits = *limits;
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->unlocked, NULL);
	*out = c;
	return OK;
}

void cache_close(struct cache *c)
{
	if (!c)
		return;
	BUG_ON(c->held);
	pthread_cond_destroy(&c->unlocked);
	pthread_mutex_destroy(&c->mutex);
	free(c->dir);
	free(c);
}

char *cache_unit(const struct cache *c, const char *folder, const char *unit)
{
	bool url = strcmp(folder, CACHE_URLS) == 0;

	return mem_printf("%s/%s%s/%s", c->dir, folder, url ? "" : "/snapshots", unit);
}

char *cache_incomplete(const struct cache *c, const char *folder, const char *name)
{
	return mem_printf("%s/%s/incomplete/%s", c->dir, folder, name);
}

enum err cache_make_folder(const struct cache *c, const char *folder, struct errinfo *ei)
{
	static const char *const inside[] = { "incomplete", "used", "snapshots" };
	bool url = strcmp(folder, CACHE_URLS) == 0;
	enum err e = OK;

	for (int i = 0; e == OK && i < (url ? 2 : 3); i++) {
		char *path = mem_printf("%s/%s/%s", c->dir, folder, inside[i]);
		e = files_make_dirs(path, ei);
		free(path);
	}
	return e;
}

/* Locks */

static struct held **find_held(struct cache *c, const char *key)
{
	struct held **at = &c->held;

	while (*at && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	return at;
}

bool cache_is_locked(struct cache *c, const char *key)
{
	return *find_held(c, key) != NULL;
}

static void wait_slice(struct cache *c)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOCK_SLICE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&c->unlocked, &c->mutex, &until);
}

enum err cache_lock(struct cache *c, const char *key, const struct fetch_how *how,
		    struct errinfo *ei)
{
	size_t n = strlen(key) + 1;
	enum err e = OK;

	pthread_mutex_lock(&c->mutex);
	while (e == OK && cache_is_locked(c, key)) {
		wait_slice(c);
		if (how->cancelled && how->cancelled(how->ctx))
			e = err_set(ei, ERR_CANCELLED, "stopped on request");
	}
	if (e == OK) {
		struct held *h = mem_alloc(sizeof(*h) + n);
		memcpy(h->key, key, n);
		h->next = c->held;
		c->held = h;
	}
	pthread_mutex_unlock(&c->mutex);
	return e;
}

void cache_unlock(struct cache *c, const char *key)
{
	pthread_mutex_lock(&c->mutex);
	struct held **at = find_held(c, key), *h = *at;
	BUG_ON(!h);
	*at = h->next;
	free(h);
	pthread_cond_broadcast(&c->unlocked);
	pthread_mutex_unlock(&c->mutex);
}

/* Use */

char *cache_used_mark(const struct cache *c, const char *folder, const char *unit)
{
	return mem_printf("%s/%s/used/%s", c->dir, folder, unit);
}

/* A mark that cannot be made costs nothing but the unit's place in the order. */
void cache_mark_used(const struct cache *c, const char *folder, const char *unit)
{
	char *mark = cache_used_mark(c, folder, unit);
	int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

	if (fd >= 0) {
		futimens(fd, NULL);
		close(fd);
	}
	free(mark);
}

bool cache_use(struct cache *c, const char *folder, const char *unit)
{
	char *path = cache_unit(c, folder, unit);

	pthread_mutex_lock(&c->mutex);
	bool there = files_exist(path);
	if (there)
		cache_mark_used(c, folder, unit);
	pthread_mutex_unlock(&c->mutex);
	free(path);
	return there;
}

/* References */

static char *ref_path(const char *dir, const char *folder, const char *revision)
{
	return mem_printf("%s/%s/refs/%s", dir, folder, revision);
}

void cache_read_ref(const char *dir, const char *folder, const char *revision, char commit[72])
{
	char *path = ref_path(dir, folder, revision);
	struct buf text = { 0 };

	*commit = '\0';
	if (files_read(path, 256, &text, NULL) == OK && text.data) {
		text.data[strcspn(text.data, "\r\n ")] = '\0';
		if (names_is_commit(text.data))
			strcpy(commit, text.data);
	}
	buf_clear(&text);
	free(path);
}

static enum err make_parent(const char *path, struct errinfo *ei)
{
	char *copy = mem_strdup(path);
	enum err e = files_make_dirs(dirname(copy), ei);

	free(copy);
	return e;
}

enum err cache_write_ref(const struct cache *c, const char *folder, const char *revision,
			 const char *commit, struct errinfo *ei)
{
	char *path = ref_path(c->dir, folder, revision), known[72];
	enum err e = make_parent(path, ei);

	cache_read_ref(c->dir, folder, revision, known);
	if (e == OK && strcmp(known, commit) != 0)
		e = files_write(path, commit, strlen(commit), ei);
	free(path);
	return e == ERR_NOT_FOUND ? ERR_IO : e;
}

/* Files */

static enum err sync_folder(const char *path, struct errinfo *ei)
{
	char *copy = mem_strdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = fd < 0 || fsync(fd) != 0 ? err_errno(ei, "cannot sync %s", copy) : OK;

	if (fd >= 0)
		close(fd);
	free(copy);
	return e;
}

static enum err move_file(const char *from, const char *to, struct errinfo *ei)
{
	enum err e = make_parent(to, ei);

	if (e == OK && rename(from, to) != 0)
		e = err_errno(ei, "cannot rename %s to %s", from, to);
	return e == OK ? sync_folder(to, ei) : e;
}

enum err cache_place_file(const struct cache *c, const char *folder, const char *unit,
			  const char *path, const char *from, struct errinfo *ei)
{
	char *dir = cache_unit(c, folder, unit), *to = mem_printf("%s/%s", dir, path);
	enum err e = move_file(from, to, ei);

	free(to);
	free(dir);
	return e == ERR_NOT_FOUND ? ERR_IO : e;
}

void cache_remove(const char *path)
{
	struct errinfo ei;

	if (files_remove(path, &ei) != OK)
		log_warn("cache_left", "detail=%s", log_q(ei.msg));
}

static char *note_path(const struct cache *c, const char *folder, const char *unit,
		       const char *path)
{
	return mem_printf("%s/%s/sha256/%s/%s", c->dir, folder, unit, path);
}

enum err cache_note_sha256(const struct cache *c, const char *folder, const char *unit,
			   const char *path, const char *file, const char *sha256,
			   struct errinfo *ei)
{
	char text[CACHE_MAX_HASH + 32], *note = note_path(c, folder, unit, path);
	struct stat st;
	enum err e = stat(file, &st) == 0 ? make_parent(note, ei)
					  : err_errno(ei, "cannot look at %s", file);

	if (e == OK) {
		int n = snprintf(text, sizeof(text), "%s %" PRId64 "\n", sha256,
				 (int64_t)st.st_size);
		e = files_write(note, text, (size_t)n, ei);
	}
	free(note);
	return e;
}

/* Whether a note of this size is there; then *sha256 is what it says. */
static bool read_note(const char *note, int64_t size, char *sha256)
{
	char hex[SHA256_HEX_SIZE];
	struct buf text = { 0 };
	int64_t noted;
	bool ok = files_read(note, 256, &text, NULL) == OK && text.data &&
		  sscanf(text.data, "%64[0-9a-f] %" SCNd64, hex, &noted) == 2 &&
		  strlen(hex) == 64 && noted == size;

	if (ok)
		strcpy(sha256, hex);
	buf_clear(&text);
	return ok;
}

enum err cache_sha256(const struct cache *c, const char *folder, const char *unit, const char *path,
		      char *sha256, struct errinfo *ei)
{
	char *dir = cache_unit(c, folder, unit), *file = mem_printf("%s/%s", dir, path);
	char *note = note_path(c, folder, unit, path);
	struct stat st;
	enum err e = OK;

	if (stat(file, &st) != 0 || !S_ISREG(st.st_mode)) {
		e = err_set(ei, ERR_NOT_FOUND, "%s is not there", file);
	} else if (!read_note(note, st.st_size, sha256)) {
		e = hash_file(file, sha256, ei);
		if (e == OK)
			e = cache_note_sha256(c, folder, unit, path, file, sha256, ei);
	}
	free(note);
	free(file);
	free(dir);
	return e;
}
