/* The cache of encoded data sets: see token_cache.h. */
#include "jobs/token_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/token_build.h"

enum { MOST_THREADS = 8 };

struct token_cache {
	char *dir;
	int64_t max_bytes;
	int threads;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	char (*busy)[TOKEN_KEY_SIZE]; /* (n_busy) keys that a thread looks for or makes */
	int n_busy;
	struct token_cache_counts counts;
};

/* --- room --- */

struct kept_file {
	char *path;
	int64_t bytes;
	struct timespec used;
};

static int by_use(const void *a, const void *b)
{
	const struct timespec *x = &((const struct kept_file *)a)->used;
	const struct timespec *y = &((const struct kept_file *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

static bool is_key(const char *name)
{
	return strlen(name) == TOKEN_KEY_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == TOKEN_KEY_SIZE - 1;
}

/* The files of the cache in a new array, those of the longest ago first. */
static struct kept_file *list_files(const char *dir, int *n)
{
	struct kept_file *files = NULL;
	DIR *d = opendir(dir);
	struct dirent *ent;

	*n = 0;
	while (d && (ent = readdir(d))) {
		struct stat st;

		if (!is_key(ent->d_name) || fstatat(dirfd(d), ent->d_name, &st, 0) != 0)
			continue;
		files = mem_resize(files, (size_t)*n + 1, sizeof(*files));
		files[(*n)++] = (struct kept_file){ mem_printf("%s/%s", dir, ent->d_name),
						    st.st_size, st.st_mtim };
	}
	if (d)
		closedir(d);
	if (files)
		qsort(files, (size_t)*n, sizeof(*files), by_use);
	return files;
}

/* Who has mapped a file that goes keeps its rows. */
static void make_room(struct token_cache *c)
{
	int64_t total = 0;
	int n;

	pthread_mutex_lock(&c->lock);
	struct kept_file *files = list_files(c->dir, &n);
	for (int i = 0; i < n; i++)
		total += files[i].bytes;
	for (int i = 0; i < n; i++) {
		struct errinfo ei;

		if (total > c->max_bytes && files_remove(files[i].path, &ei) == OK) {
			log_info("tokens_removed", "path=%s bytes=%" PRId64 " reason=room",
				 log_q(files[i].path), files[i].bytes);
			total -= files[i].bytes;
		}
		free(files[i].path);
	}
	free(files);
	pthread_mutex_unlock(&c->lock);
}

struct token_cache *token_cache_new(const struct token_cache_config *config)
{
	struct token_cache *c = mem_zalloc(1, sizeof(*c));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	c->dir = mem_strdup(config->dir);
	c->max_bytes = config->max_bytes;
	c->threads = config->threads ? config->threads : (int)(cores < 1 ? 1 : cores);
	if (c->threads > MOST_THREADS)
		c->threads = MOST_THREADS;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->freed, NULL);
	make_room(c);
	return c;
}

void token_cache_free(struct token_cache *c)
{
	if (!c)
		return;
	BUG_ON(c->n_busy > 0);
	pthread_cond_destroy(&c->freed);
	pthread_mutex_destroy(&c->lock);
	free(c->busy);
	free(c->dir);
	free(c);
}

struct token_cache_counts token_cache_counts(struct token_cache *c)
{
	pthread_mutex_lock(&c->lock);
	struct token_cache_counts counts = c->counts;
	pthread_mutex_unlock(&c->lock);
	return counts;
}

/* --- one thread a key --- */

static int busy_at(const struct token_cache *c, const char *key)
{
	for (int i = 0; i < c->n_busy; i++)
		if (strcmp(c->busy[i], key) == 0)
			return i;
	return -1;
}

static void claim(struct token_cache *c, const char *key)
{
	pthread_mutex_lock(&c->lock);
	while (busy_at(c, key) >= 0)
		pthread_cond_wait(&c->freed, &c->lock);
	c->busy = mem_resize(c->busy, (size_t)c->n_busy + 1, sizeof(*c->busy));
	memcpy(c->busy[c->n_busy++], key, TOKEN_KEY_SIZE);
	pthread_mutex_unlock(&c->lock);
}

static void release(struct token_cache *c, const char *key, bool found, bool made)
{
	pthread_mutex_lock(&c->lock);
	c->counts.found += found;
	c->counts.made += made;
	int at = busy_at(c, key);
	memmove(c->busy[at], c->busy[--c->n_busy], TOKEN_KEY_SIZE);
	pthread_cond_broadcast(&c->freed);
	pthread_mutex_unlock(&c->lock);
}

/* --- finding and making --- */

static void log_rows(const char *event, const char *key, const struct tokens *t, double start)
{
	log_info(event, "key=%.12s rows=%" PRId64 " bytes=%" PRId64 " seconds=%.3f",
		 key ? key : "-",
		 t->splits[SPLIT_TRAIN].n + t->splits[SPLIT_VALIDATION].n + t->splits[SPLIT_TEST].n,
		 t->size, clock_monotonic() - start);
}

/* Opens the file of the key, if there is one that is whole, and marks it as used. */
static bool find(const char *path, const char *key, struct tokens *out)
{
	double start = clock_monotonic();
	struct errinfo ei;
	enum err e = tokens_open(path, out, &ei);

	if (e == OK) {
		utimensat(AT_FDCWD, path, NULL, 0);
		log_rows("tokens_found", key, out, start);
	} else if (e != ERR_NOT_FOUND) {
		log_warn("tokens_unusable", "path=%s error=%s", log_q(path), log_q(ei.msg));
		unlink(path);
	}
	return e == OK;
}

/* The seed of the facts' hashes: who writes the data cannot know it, since the key covers the data,
 * and it is the same each time. */
static void seed_of(const char *key, uint64_t seed[2])
{
	if (!key) {
		BUG_ON(getrandom(seed, 2 * sizeof(*seed), 0) != 2 * sizeof(*seed));
		return;
	}
	BUG_ON(sscanf(key, "%16" SCNx64 "%16" SCNx64, &seed[0], &seed[1]) != 2);
}

/* Moves the file into the cache; where that fails, it is used this once. */
static void keep(struct token_cache *c, const char *tmp, const char *path)
{
	struct errinfo ei;

	if (rename(tmp, path) != 0 || files_sync(path, &ei) != OK)
		log_warn("tokens_not_kept", "path=%s errno=%d", log_q(path), errno);
	else
		make_room(c);
}

/* key and path NULL: it is not to be kept. */
static enum err make(const struct places *p, const struct token_request *r,
		     struct data_files *files, const char *key, const char *path,
		     struct tokens *out, struct faults *faults, struct errinfo *ei)
{
	double start = clock_monotonic();
	char id[ID_SIZE];

	ids_new("tok_", id);
	char *tmp = places_tmp(p, id), *scratch = places_tmp(p, "");
	struct token_build_config c = { .path = tmp,
					.scratch = scratch,
					.threads = p->tokens ? p->tokens->threads : 1 };
	seed_of(key, c.seed);
	enum err e = token_build(r, files, &c, faults, ei);
	if (e == OK)
		e = tokens_open(tmp, out, ei) == OK ? OK : ERR_IO;
	if (e == OK) {
		log_rows("tokens_made", key, out, start);
		if (path && !data_files_changed(files))
			keep(p->tokens, tmp, path);
	}
	unlink(tmp);
	free(tmp);
	free(scratch);
	return e;
}

static enum err find_or_make(const struct places *p, const struct token_request *r,
			     struct data_files *files, struct tokens *out, struct faults *faults,
			     struct errinfo *ei)
{
	char key[TOKEN_KEY_SIZE];
	enum err e = token_key(r, files, key, ei);

	if (e != OK)
		return e;
	char *path = mem_printf("%s/%s", p->tokens->dir, key);
	claim(p->tokens, key);
	bool found = find(path, key, out);
	if (!found)
		e = make(p, r, files, key, path, out, faults, ei);
	release(p->tokens, key, found, !found && e == OK);
	free(path);
	return e;
}

enum err token_cache_get(const struct places *p, const struct token_request *r, struct tokens *out,
			 struct faults *faults, struct errinfo *ei)
{
	struct data_files files;
	enum err e = data_files_open(&files, r->data, r->open, r->open_ctx, ei);

	if (e != OK)
		return e;
	if (p->tokens && data_files_all_open(&files))
		e = find_or_make(p, r, &files, out, faults, ei);
	else
		e = make(p, r, &files, NULL, NULL, out, faults, ei);
	/* Not of the cached file: the same content may have another name here. */
	if (e == OK)
		json_object_set_new(out->report, "files", data_files_json(&files));
	data_files_close(&files);
	return e;
}
