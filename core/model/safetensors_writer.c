/* The writer of safetensors files: see safetensors.h. */
#include "model/safetensors.h"

#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "tensors are written as they lie in memory");

struct safetensors_writer {
	int fd;
	char *path, *tmp;
	int64_t *counts; /* (n) elements of each item */
	int n, next;
};

static enum err write_all(struct safetensors_writer *w, const void *data, size_t n,
			  struct errinfo *ei)
{
	const char *p = data;

	while (n) {
		ssize_t r = write(w->fd, p, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(ei, "cannot write %s", w->tmp);
		p += r;
		n -= (size_t)r;
	}
	return OK;
}

static int64_t count_of(const struct safetensors_item *item)
{
	int64_t n = 1;

	for (int i = 0; i < item->n_dims; i++)
		n *= item->shape[i];
	return n;
}

static json_t *entry_of(const struct safetensors_item *item, int64_t *offset)
{
	json_t *entry = json_object(), *shape = json_array(), *offsets = json_array();

	for (int i = 0; i < item->n_dims; i++)
		json_array_append_new(shape, json_integer(item->shape[i]));
	json_array_append_new(offsets, json_integer(*offset));
	*offset += count_of(item) * (int64_t)sizeof(float);
	json_array_append_new(offsets, json_integer(*offset));
	json_object_set_new(entry, "dtype", json_string("F32"));
	json_object_set_new(entry, "shape", shape);
	json_object_set_new(entry, "data_offsets", offsets);
	return entry;
}

static void print_header(const struct safetensors_item *items, int n, struct buf *out)
{
	json_t *header = json_object(), *metadata = json_object();
	int64_t offset = 0;

	json_object_set_new(metadata, "format", json_string("pt"));
	json_object_set_new(header, "__metadata__", metadata);
	for (int i = 0; i < n; i++)
		json_object_set_new(header, items[i].name, entry_of(&items[i], &offset));
	BUG_ON(json_object_size(header) != (size_t)n + 1); /* two items of one name */
	json_print(header, out);
	json_decref(header);
	while (out->len % 8 != 0)
		buf_putc(out, ' ');
}

static enum err write_header(struct safetensors_writer *w, const struct safetensors_item *items,
			     int n, struct errinfo *ei)
{
	struct buf header = { 0 };
	print_header(items, n, &header);
	uint64_t len = header.len;
	enum err e = write_all(w, &len, sizeof(len), ei);

	if (e == OK)
		e = write_all(w, header.data, header.len, ei);
	buf_clear(&header);
	return e;
}

enum err safetensors_create(const char *path, const struct safetensors_item *items, int n,
			    struct safetensors_writer **out, struct errinfo *ei)
{
	struct safetensors_writer *w = mem_zalloc(1, sizeof(*w));

	w->path = mem_strdup(path);
	w->tmp = mem_printf("%s.tmp%d", path, (int)getpid());
	w->n = n;
	w->counts = mem_zalloc((size_t)n + 1, sizeof(*w->counts));
	for (int i = 0; i < n; i++)
		w->counts[i] = count_of(&items[i]);
	w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	enum err e = w->fd < 0 ? err_errno(ei, "cannot create %s", w->tmp)
			       : write_header(w, items, n, ei);
	if (e != OK) {
		safetensors_abandon(w);
		return e;
	}
	*out = w;
	return OK;
}

enum err safetensors_put(struct safetensors_writer *w, const float *data, int64_t count,
			 struct errinfo *ei)
{
	BUG_ON(w->next >= w->n || w->counts[w->next] != count);
	w->next++;
	return write_all(w, data, (size_t)count * sizeof(float), ei);
}

enum err safetensors_finish(struct safetensors_writer *w, struct errinfo *ei)
{
	enum err e = OK;

	BUG_ON(w->next != w->n);
	if (fsync(w->fd) != 0)
		e = err_errno(ei, "cannot sync %s", w->tmp);
	else if (rename(w->tmp, w->path) != 0)
		e = err_errno(ei, "cannot rename %s", w->tmp);
	else
		e = files_sync(w->path, ei);
	safetensors_abandon(w);
	return e;
}

void safetensors_abandon(struct safetensors_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0) {
		close(w->fd);
		unlink(w->tmp); /* already renamed after a finish */
	}
	free(w->path);
	free(w->tmp);
	free(w->counts);
	free(w);
}
