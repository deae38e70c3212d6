/* The writer of token files: see tokens_writer.h. The arrays, whose sizes are known at the start,
 * are filled through a mapping in any order; the ids are appended behind them as they come. */
#include "data/tokens_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/tokens_format.h"

#define FORGET_AFTER 100000    /* rows */
#define IDS_BUFFERED (1 << 18) /* ids that are written at once */

struct tokens_writer {
	char *path;
	int fd;
	struct tokens_header header;
	struct tokens_layout layout;
	char *map;    /* (layout.ids) all that stands before the ids */
	int32_t *ids; /* (IDS_BUFFERED) the last ones */
	int64_t n_buffered, n_written;
	int64_t n_rows;
	bool finished;
};

static enum err write_at(const struct tokens_writer *w, const void *data, int64_t n, int64_t at,
			 struct errinfo *ei)
{
	const char *p = data;

	while (n > 0) {
		ssize_t done = pwrite(w->fd, p, (size_t)n, at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_errno(ei, "cannot write the encoded rows");
		p += done;
		at += done;
		n -= done;
	}
	return OK;
}

/* --- begin --- */

static enum err make_room(const struct tokens_writer *w, struct errinfo *ei)
{
	int failed;

	do
		failed = posix_fallocate(w->fd, 0, w->layout.ids);
	while (failed == EINTR);
	if (!failed)
		return OK;
	errno = failed;
	return err_errno(ei, "no room for the encoded rows");
}

static enum err open_file(struct tokens_writer *w, struct errinfo *ei)
{
	w->fd = open(w->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (w->fd < 0)
		return err_errno(ei, "cannot create %s", w->path);
	enum err e = make_room(w, ei);
	if (e != OK)
		return e;
	void *map = mmap(NULL, (size_t)w->layout.ids, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	if (map == MAP_FAILED)
		return err_errno(ei, "cannot map %s", w->path);
	w->map = map;
	return OK;
}

enum err tokens_writer_open(const char *path, const int64_t n[N_SPLITS], int vocab_size,
			    struct tokens_writer **out, struct errinfo *ei)
{
	struct tokens_writer *w = mem_zalloc(1, sizeof(*w));

	w->path = mem_strdup(path);
	w->header = (struct tokens_header){ .magic = TOKENS_MAGIC,
					    .version = TOKENS_VERSION,
					    .byte_order = TOKENS_BYTE_ORDER,
					    .fact_size = sizeof(struct row_fact),
					    .vocab_size = vocab_size };
	memcpy(w->header.n, n, sizeof(w->header.n));
	BUG_ON(!tokens_layout(&w->header, &w->layout));
	w->ids = mem_alloc(IDS_BUFFERED * sizeof(*w->ids));
	enum err e = open_file(w, ei);
	if (e == OK)
		*out = w;
	else
		tokens_writer_free(w);
	return e;
}

void tokens_writer_free(struct tokens_writer *w)
{
	if (!w)
		return;
	if (w->map)
		munmap(w->map, (size_t)w->layout.ids);
	if (w->fd >= 0) {
		close(w->fd);
		if (!w->finished)
			unlink(w->path);
	}
	free(w->ids);
	free(w->path);
	free(w);
}

/* --- rows --- */

static enum err flush_ids(struct tokens_writer *w, struct errinfo *ei)
{
	const int64_t size = sizeof(*w->ids);
	enum err e =
		write_at(w, w->ids, w->n_buffered * size, w->layout.ids + w->n_written * size, ei);

	w->n_written += w->n_buffered;
	w->n_buffered = 0;
	return e;
}

static enum err append_ids(struct tokens_writer *w, const int32_t *ids, int64_t n,
			   struct errinfo *ei)
{
	while (n > 0) {
		int64_t room = IDS_BUFFERED - w->n_buffered, part = n < room ? n : room;

		memcpy(w->ids + w->n_buffered, ids, (size_t)part * sizeof(*ids));
		w->n_buffered += part;
		ids += part;
		n -= part;
		enum err e = w->n_buffered == IDS_BUFFERED ? flush_ids(w, ei) : OK;
		if (e != OK)
			return e;
	}
	return OK;
}

static int32_t *numbers(const struct tokens_writer *w, int64_t at)
{
	return (int32_t *)(void *)(w->map + at);
}

enum err tokens_writer_put(void *writer, const struct encoded_row *row, struct errinfo *ei)
{
	struct tokens_writer *w = writer;
	const struct tokens_layout *l = &w->layout;
	int64_t i = row->place;
	enum split s = row->split;

	BUG_ON(i < 0 || i >= w->header.n[s] || row->length < 1 ||
	       numbers(w, l->lengths[s])[i] != 0);
	((int64_t *)(void *)(w->map + l->starts[s]))[i] = w->n_written + w->n_buffered;
	numbers(w, l->lengths[s])[i] = row->length;
	numbers(w, l->n_first[s])[i] = row->n_first;
	numbers(w, l->labels[s])[i] = row->fact.label;
	memcpy(w->map + l->facts[s] + i * (int64_t)sizeof(row->fact), &row->fact,
	       sizeof(row->fact));
	if (++w->n_rows % FORGET_AFTER == 0)
		tokens_forget(w->map, 0, l->ids);
	return append_ids(w, row->input_ids, row->length, ei);
}

const struct row_fact *tokens_writer_facts(const struct tokens_writer *w, enum split s)
{
	return (const void *)(w->map + w->layout.facts[s]);
}

/* --- the end --- */

static void print_meta(char *const *labels, int n_labels, const json_t *report, struct buf *out)
{
	json_t *meta = json_object(), *list = json_array();

	for (int i = 0; i < n_labels; i++)
		json_array_append_new(list, json_string(labels[i]));
	json_object_set_new(meta, "labels", list);
	json_object_set(meta, "report", (json_t *)report);
	json_print(meta, out);
	json_decref(meta);
}

/* The header goes last: a file without it is none. */
static enum err write_header(struct tokens_writer *w, struct errinfo *ei)
{
	enum err e = write_at(w, &w->header, sizeof(w->header), 0, ei);

	if (e != OK)
		return e;
	void *map = mmap(NULL, (size_t)w->layout.size, PROT_READ, MAP_SHARED, w->fd, 0);
	if (map == MAP_FAILED)
		return err_errno(ei, "cannot map %s", w->path);
	w->header.checksum = tokens_sum_file(map, w->layout.size);
	munmap(map, (size_t)w->layout.size);
	return write_at(w, &w->header, sizeof(w->header), 0, ei);
}

enum err tokens_writer_finish(struct tokens_writer *w, char *const *labels, int n_labels,
			      const json_t *report, struct errinfo *ei)
{
	struct buf meta = { 0 };
	enum err e = flush_ids(w, ei);

	BUG_ON(w->n_rows !=
	       w->header.n[SPLIT_TRAIN] + w->header.n[SPLIT_VALIDATION] + w->header.n[SPLIT_TEST]);
	print_meta(labels, n_labels, report, &meta);
	w->header.n_ids = w->n_written;
	w->header.n_meta = (int64_t)meta.len;
	BUG_ON(!tokens_layout(&w->header, &w->layout));
	if (e == OK)
		e = write_at(w, meta.data, w->header.n_meta, w->layout.meta, ei);
	if (e == OK)
		e = write_header(w, ei);
	if (e == OK && fsync(w->fd) != 0)
		e = err_errno(ei, "cannot sync %s", w->path);
	w->finished = e == OK;
	buf_clear(&meta);
	return e;
}
