/* The reader of token files: see tokens.h. */
#include "data/tokens.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "data/scripts.h"
#include "data/tokens_format.h"

#define FORGET_AFTER 100000 /* rows or ids */

static enum err damaged(struct errinfo *ei, const char *what)
{
	return err_set(ei, ERR_INVALID, "the file of encoded rows is damaged: %s", what);
}

static enum err map_file(const char *path, struct tokens *t, struct errinfo *ei)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	enum err e = OK;

	if (fd < 0)
		return err_errno(ei, "cannot open %s", path);
	if (fstat(fd, &st) != 0)
		e = err_errno(ei, "cannot read %s", path);
	else if (st.st_size < (off_t)sizeof(struct tokens_header))
		e = damaged(ei, "it is too short");
	if (e == OK) {
		t->size = st.st_size;
		t->map = mmap(NULL, (size_t)t->size, PROT_READ, MAP_SHARED, fd, 0);
		if (t->map == MAP_FAILED) {
			t->map = NULL;
			e = err_errno(ei, "cannot map %s", path);
		}
	}
	close(fd);
	return e;
}

static enum err check_header(const struct tokens *t, struct tokens_layout *l, struct errinfo *ei)
{
	const struct tokens_header *h = t->map;

	if (memcmp(h->magic, TOKENS_MAGIC, sizeof(h->magic)) != 0)
		return damaged(ei, "it does not begin as such a file");
	if (h->version != TOKENS_VERSION || h->byte_order != TOKENS_BYTE_ORDER ||
	    h->fact_size != sizeof(struct row_fact))
		return damaged(ei, "it is of another version or machine");
	if (!tokens_layout(h, l) || l->size != t->size)
		return damaged(ei, "its size is not what its counts add up to");
	if (tokens_sum_file(t->map, t->size) != h->checksum)
		return damaged(ei, "its checksum is wrong");
	return OK;
}

static void set_views(struct tokens *t, const struct tokens_layout *l)
{
	const struct tokens_header *h = t->map;
	const char *map = t->map;

	for (int s = 0; s < N_SPLITS; s++) {
		t->facts[s] = (const void *)(map + l->facts[s]);
		t->splits[s] = (struct examples){ .n = h->n[s],
						  .starts = (const void *)(map + l->starts[s]),
						  .lengths = (const void *)(map + l->lengths[s]),
						  .n_first = (const void *)(map + l->n_first[s]),
						  .labels = (const void *)(map + l->labels[s]),
						  .input_ids = (const void *)(map + l->ids) };
	}
}

static enum err read_labels(const json_t *list, struct tokens *t, struct errinfo *ei)
{
	size_t n = json_array_size(list);

	if (n == 0 || n > INT32_MAX)
		return damaged(ei, "it has no labels");
	t->labels = mem_zalloc(n, sizeof(*t->labels));
	for (size_t i = 0; i < n; i++) {
		const char *name = json_string_value(json_array_get(list, i));
		if (!name)
			return damaged(ei, "a label is no text");
		t->labels[t->n_labels++] = mem_strdup(name);
	}
	return OK;
}

static enum err read_meta(struct tokens *t, const struct tokens_layout *l, struct errinfo *ei)
{
	const struct tokens_header *h = t->map;
	json_t *meta = NULL;

	if (json_parse((const char *)t->map + l->meta, (size_t)h->n_meta, &meta, NULL) != OK)
		return damaged(ei, "its labels and report are not JSON");
	t->report = json_incref(json_object_get(meta, "report"));
	enum err e = t->report ? read_labels(json_object_get(meta, "labels"), t, ei)
			       : damaged(ei, "it has no report");
	json_decref(meta);
	return e;
}

/* Whether a row lies within the ids and has a class, and its fact is one. */
static bool row_fits(const struct tokens *t, int s, int64_t i)
{
	const struct tokens_header *h = t->map;
	const struct examples *x = &t->splits[s];
	const struct row_fact *f = &t->facts[s][i];

	return x->lengths[i] > 0 && x->lengths[i] <= h->n_ids && x->starts[i] >= 0 &&
	       x->starts[i] <= h->n_ids - x->lengths[i] && x->n_first[i] >= 0 &&
	       x->n_first[i] <= x->lengths[i] && x->labels[i] >= 0 && x->labels[i] < t->n_labels &&
	       f->label == x->labels[i] && f->script < N_SCRIPTS;
}

static bool id_fits(const struct tokens *t, int64_t i)
{
	const struct tokens_header *h = t->map;
	int32_t id = t->splits[0].input_ids[i];

	return id >= 0 && id < h->vocab_size;
}

/* Bounds what the checks keep resident. */
static void forget_now_and_then(const struct tokens *t, int64_t i)
{
	if (i % FORGET_AFTER == 0)
		tokens_forget(t->map, 0, t->size);
}

static enum err check_rows(const struct tokens *t, struct errinfo *ei)
{
	const struct tokens_header *h = t->map;
	bool fit = true;

	for (int s = 0; s < N_SPLITS; s++)
		for (int64_t i = 0; i < h->n[s] && fit; i++) {
			fit = row_fits(t, s, i);
			forget_now_and_then(t, i);
		}
	for (int64_t i = 0; i < h->n_ids && fit; i++) {
		fit = id_fits(t, i);
		forget_now_and_then(t, i);
	}
	tokens_forget(t->map, 0, t->size);
	return fit ? OK : damaged(ei, "a number in it is out of bounds");
}

enum err tokens_open(const char *path, struct tokens *out, struct errinfo *ei)
{
	struct tokens t = { 0 };
	struct tokens_layout l;
	enum err e = map_file(path, &t, ei);

	if (e == OK)
		e = check_header(&t, &l, ei);
	if (e == OK) {
		set_views(&t, &l);
		e = read_meta(&t, &l, ei);
	}
	if (e == OK)
		e = check_rows(&t, ei);
	if (e == OK)
		*out = t;
	else
		tokens_close(&t);
	return e;
}

void tokens_close(struct tokens *t)
{
	for (int i = 0; i < t->n_labels; i++)
		free(t->labels[i]);
	free(t->labels);
	json_decref(t->report);
	if (t->map)
		munmap(t->map, (size_t)t->size);
	*t = (struct tokens){ 0 };
}
