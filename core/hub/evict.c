/* Room in the cache: what was used least recently goes first. See cache.h. */
#include "hub/cache_impl.h"

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What could be removed: a unit, or something incomplete. */
struct candidate {
	char *folder, *name;
	bool is_unit;
	int64_t used_s; /* since 1970 */
};

struct candidates {
	struct candidate *v;
	size_t n;
};

static int64_t time_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int64_t)st.st_mtime : -1;
}

static int64_t unit_used_s(const struct cache *c, const char *folder, const char *unit)
{
	char *mark = cache_used_mark(c, folder, unit), *path = cache_unit(c, folder, unit);
	int64_t marked = time_of(mark), made = time_of(path);

	free(path);
	free(mark);
	return marked >= 0 ? marked : made;
}

static int64_t used_s(const struct cache *c, const struct candidate *k)
{
	if (k->is_unit)
		return unit_used_s(c, k->folder, k->name);
	char *path = cache_incomplete(c, k->folder, k->name);
	int64_t t = time_of(path);
	free(path);
	return t;
}

static void add(const struct cache *c, struct candidates *list, const char *folder,
		const char *name, bool is_unit)
{
	struct candidate k = { mem_strdup(folder), mem_strdup(name), is_unit, 0 };

	k.used_s = used_s(c, &k);
	list->v = mem_resize(list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n++] = k;
}

static bool is_own_folder(const char *name)
{
	return strcmp(name, "incomplete") == 0 || strcmp(name, "used") == 0;
}

/* inside: "snapshots", "incomplete", or "" where the units lie in the folder itself. */
static void list_inside(const struct cache *c, struct candidates *list, const char *folder,
			const char *inside)
{
	char *path = mem_printf("%s/%s/%s", c->dir, folder, inside);
	bool is_unit = strcmp(inside, "incomplete") != 0;
	DIR *d = opendir(path);
	struct dirent *ent;

	while (d && (ent = readdir(d)))
		if (*ent->d_name != '.' && (*inside || !is_own_folder(ent->d_name)))
			add(c, list, folder, ent->d_name, is_unit);
	if (d)
		closedir(d);
	free(path);
}

static int by_use(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->used_s < y->used_s ? -1 : x->used_s > y->used_s;
}

static void list_all(const struct cache *c, struct candidates *list)
{
	DIR *d = opendir(c->dir);
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		if (*ent->d_name == '.')
			continue;
		bool urls = strcmp(ent->d_name, CACHE_URLS) == 0;
		list_inside(c, list, ent->d_name, urls ? "" : "snapshots");
		list_inside(c, list, ent->d_name, "incomplete");
	}
	if (d)
		closedir(d);
	if (list->n)
		qsort(list->v, list->n, sizeof(*list->v), by_use);
}

static void candidates_clear(struct candidates *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->v[i].folder);
		free(list->v[i].name);
	}
	free(list->v);
}

/* Something incomplete stays while somebody may work on it: the key of urls holds the unit's name,
 * and so does what is incomplete of it. */
static bool may_go(struct cache *c, const struct candidate *k)
{
	bool urls = strcmp(k->folder, CACHE_URLS) == 0;
	char *key = urls ? mem_printf("%s/%.64s", CACHE_URLS, k->name) : mem_strdup(k->folder);
	bool locked = cache_is_locked(c, key);

	free(key);
	if (locked && (urls || !k->is_unit))
		return false;
	return clock_now_ms() / 1000 - used_s(c, k) >= CACHE_KEPT_S;
}

/* Out of sight under the mutex, so that nobody is handed half a folder; the work is done without.
 */
static void take_away(struct cache *c, const struct candidate *k)
{
	char *from = k->is_unit ? cache_unit(c, k->folder, k->name)
				: cache_incomplete(c, k->folder, k->name);
	char *trash = mem_printf("%s/%s/incomplete/trash-%s", c->dir, k->folder, k->name);
	char *notes = mem_printf("%s/%s/sha256/%s", c->dir, k->folder, k->name);
	char *mark = cache_used_mark(c, k->folder, k->name);

	pthread_mutex_lock(&c->mutex);
	bool gone = may_go(c, k) && rename(from, trash) == 0;
	if (gone && k->is_unit)
		remove(mark);
	pthread_mutex_unlock(&c->mutex);
	if (gone) {
		log_info("cache_removed", "folder=%s name=%s", log_q(k->folder), log_q(k->name));
		cache_remove(trash);
		if (k->is_unit)
			cache_remove(notes);
	}
	free(mark);
	free(notes);
	free(trash);
	free(from);
}

/* How many bytes are missing for `bytes` more; 0 or less: it fits. */
static int64_t missing(const struct cache *c, int64_t bytes)
{
	int64_t over = files_tree_bytes(c->dir) + bytes - c->limits.max_bytes;
	int64_t left = files_free_bytes(c->dir);
	int64_t short_of = left >= 0 ? c->limits.min_free_bytes + bytes - left : over;

	return over > short_of ? over : short_of;
}

static enum err no_room(const struct cache *c, int64_t bytes, struct errinfo *ei)
{
	int64_t left = files_free_bytes(c->dir);

	if (left >= 0 && left - bytes < c->limits.min_free_bytes)
		return err_set(ei, ERR_DISK_FULL,
			       "%" PRId64 " bytes are needed, and only %" PRId64
			       " bytes are left on the disk, of which %" PRId64 " stay free",
			       bytes, left, c->limits.min_free_bytes);
	return err_set(ei, ERR_DISK_FULL,
		       "%" PRId64 " bytes are needed, and the downloads that are in use leave no "
		       "room for them within %" PRId64 " bytes (max_hub_bytes)",
		       bytes, c->limits.max_bytes);
}

enum err cache_make_room(struct cache *c, int64_t bytes, struct errinfo *ei)
{
	struct candidates list = { 0 };
	enum err e = OK;

	if (bytes > c->limits.max_bytes)
		return no_room(c, bytes, ei);
	if (missing(c, bytes) <= 0)
		return OK;
	list_all(c, &list);
	for (size_t i = 0; i < list.n && missing(c, bytes) > 0; i++)
		take_away(c, &list.v[i]);
	if (missing(c, bytes) > 0)
		e = no_room(c, bytes, ei);
	candidates_clear(&list);
	return e;
}

enum err cache_check_disk(const struct cache *c, struct errinfo *ei)
{
	int64_t left = files_free_bytes(c->dir);

	if (left >= 0 && left < c->limits.min_free_bytes)
		return err_set(ei, ERR_DISK_FULL, "only %" PRId64 " bytes are left on the disk",
			       left);
	return OK;
}
