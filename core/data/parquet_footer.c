/* The walk over a Parquet footer: see parquet_footer.h. */
#include "data/parquet_footer.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC_LEN 4
#define TAIL_LEN  (4 + MAGIC_LEN) /* the footer's length and the magic */
#define MAX_DEPTH 32		  /* structs and lists in one another; the format has ten */

/* Types of Thrift's compact protocol. A boolean field is its type; in a list it is a byte. */
enum { STOP, YES, NO, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT };

/* Field ids of FileMetaData and RowGroup. */
enum { FILE_SCHEMA = 2, FILE_ROW_GROUPS = 4, GROUP_COLUMNS = 1 };

/* Which lists are counted apart. */
enum count { SCHEMA, GROUPS, CHUNKS, ELEMENTS, N_COUNTS };

static const struct {
	const char *what;
	uint64_t max;
} limits[] = {
	[SCHEMA] = { "columns, the parts of nested ones counted", PARQUET_MAX_SCHEMA },
	[GROUPS] = { "row groups", PARQUET_MAX_GROUPS },
	[CHUNKS] = { "column chunks (row groups times columns)", PARQUET_MAX_CHUNKS },
	[ELEMENTS] = { "elements in all lists", PARQUET_MAX_ELEMENTS },
};

struct walk {
	const unsigned char *at, *end;
	int nesting;		 /* structs and lists that are open */
	int depth;		 /* fields that are open */
	int16_t path[MAX_DEPTH]; /* their ids */
	uint64_t counts[N_COUNTS];
	struct errinfo *ei;
};

static enum err damaged(struct walk *w)
{
	return err_set(w->ei, ERR_SYNTAX, "the footer of the Parquet file is damaged");
}

static enum err skip(struct walk *w, uint64_t n)
{
	if (n > (uint64_t)(w->end - w->at))
		return damaged(w);
	w->at += n;
	return OK;
}

static enum err byte(struct walk *w, unsigned *out)
{
	if (w->at == w->end)
		return damaged(w);
	*out = *w->at++;
	return OK;
}

static enum err varint(struct walk *w, uint64_t *out)
{
	unsigned b = 0x80;

	*out = 0;
	for (int shift = 0; b & 0x80; shift += 7) {
		if (shift > 63 || byte(w, &b) != OK)
			return damaged(w);
		*out |= (uint64_t)(b & 0x7F) << shift;
	}
	return OK;
}

static enum count count_of(const struct walk *w)
{
	if (w->depth == 1 && w->path[0] == FILE_SCHEMA)
		return SCHEMA;
	if (w->depth == 1 && w->path[0] == FILE_ROW_GROUPS)
		return GROUPS;
	if (w->depth == 2 && w->path[0] == FILE_ROW_GROUPS && w->path[1] == GROUP_COLUMNS)
		return CHUNKS;
	return ELEMENTS;
}

/* Counts the elements of a list, each of which takes one byte at least. */
static enum err count(struct walk *w, uint64_t n)
{
	enum count c = count_of(w);

	if (n > (uint64_t)(w->end - w->at))
		return damaged(w);
	w->counts[c] += n;
	if (w->counts[c] > limits[c].max)
		return err_set(w->ei, ERR_TOO_LARGE,
			       "the footer of the Parquet file has more than %llu %s",
			       (unsigned long long)limits[c].max, limits[c].what);
	return OK;
}

static enum err value(struct walk *w, unsigned type);

static enum err list(struct walk *w)
{
	unsigned head = 0;
	enum err e = byte(w, &head);
	uint64_t n = head >> 4;

	if (e == OK && n == 15)
		e = varint(w, &n);
	if (e == OK)
		e = count(w, n);
	for (uint64_t i = 0; e == OK && i < n; i++) {
		unsigned type = head & 15;
		e = value(w, type == YES || type == NO ? BYTE : type);
	}
	return e;
}

/* The next field's id and type; STOP ends the struct. */
static enum err field(struct walk *w, int16_t *id, unsigned *type)
{
	unsigned head = 0;
	uint64_t z = 0;
	enum err e = byte(w, &head);

	*type = head & 15;
	if (e != OK || *type == STOP)
		return e;
	if (head >> 4) {
		*id = (int16_t)(*id + (int)(head >> 4));
		return OK;
	}
	e = varint(w, &z);
	*id = (int16_t)((z >> 1) ^ -(z & 1));
	return e;
}

static enum err fields(struct walk *w)
{
	int16_t id = 0;
	unsigned type = STOP;
	enum err e;

	while ((e = field(w, &id, &type)) == OK && type != STOP) {
		w->path[w->depth++] = id;
		if (type != YES && type != NO)
			e = value(w, type);
		w->depth--;
		if (e != OK)
			return e;
	}
	return e;
}

static enum err nested(struct walk *w, enum err (*walk)(struct walk *w))
{
	if (w->nesting == MAX_DEPTH)
		return damaged(w);
	w->nesting++;
	enum err e = walk(w);
	w->nesting--;
	return e;
}

/* The format has neither sets nor maps. */
static enum err value(struct walk *w, unsigned type)
{
	uint64_t n = 0;

	switch (type) {
	case BYTE:
		return skip(w, 1);
	case I16:
	case I32:
	case I64:
		return varint(w, &n);
	case DOUBLE:
		return skip(w, 8);
	case BINARY:
		return varint(w, &n) == OK ? skip(w, n) : ERR_SYNTAX;
	case LIST:
		return nested(w, list);
	case STRUCT:
		return nested(w, fields);
	default:
		return damaged(w);
	}
}

enum err parquet_footer_check(const void *data, size_t n, struct errinfo *ei)
{
	struct walk w = { .at = data, .ei = ei };

	w.end = w.at + n;
	return nested(&w, fields);
}

/* Exactly n bytes from `at`; a file that has become shorter meanwhile is damaged. */
static enum err read_at(int fd, int64_t at, void *out, size_t n, struct errinfo *ei)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(fd, (char *)out + done, n - done, at + (int64_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err_errno(ei, "reading the file failed");
			return ERR_IO;
		}
		if (got == 0)
			return err_set(ei, ERR_SYNTAX, "the Parquet file is cut off");
		done += (size_t)got;
	}
	return OK;
}

/* Checks both ends of the file and gives the footer's length. */
static enum err read_ends(int fd, int64_t size, uint32_t *footer, struct errinfo *ei)
{
	unsigned char head[MAGIC_LEN], tail[TAIL_LEN];

	if (size < MAGIC_LEN + TAIL_LEN)
		return err_set(ei, ERR_SYNTAX, "the Parquet file is cut off");
	enum err e = read_at(fd, 0, head, sizeof(head), ei);
	if (e == OK)
		e = read_at(fd, size - TAIL_LEN, tail, sizeof(tail), ei);
	if (e != OK)
		return e;
	if (memcmp(tail + 4, "PARE", MAGIC_LEN) == 0)
		return err_set(ei, ERR_UNSUPPORTED, "the Parquet file is encrypted");
	if (memcmp(head, "PAR1", MAGIC_LEN) != 0)
		return err_set(ei, ERR_SYNTAX, "this is no Parquet file");
	if (memcmp(tail + 4, "PAR1", MAGIC_LEN) != 0)
		return err_set(ei, ERR_SYNTAX,
			       "the Parquet file is cut off: it does not end with \"PAR1\"");
	*footer = tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 |
		  (uint32_t)tail[3] << 24;
	return OK;
}

enum err parquet_footer_read(int fd, int64_t max_bytes, struct buf *out, int64_t *size,
			     struct errinfo *ei)
{
	struct stat st;
	uint32_t n = 0;

	if (fstat(fd, &st) != 0) {
		err_errno(ei, "reading the file failed");
		return ERR_IO;
	}
	*size = st.st_size;
	if (st.st_size > max_bytes)
		return err_set(ei, ERR_TOO_LARGE, "the file is larger than %lld bytes",
			       (long long)max_bytes);
	enum err e = read_ends(fd, st.st_size, &n, ei);
	if (e != OK)
		return e;
	if (n > st.st_size - MAGIC_LEN - TAIL_LEN)
		return err_set(ei, ERR_SYNTAX,
			       "the footer of the Parquet file is longer than the file");
	if (n > PARQUET_MAX_FOOTER)
		return err_set(ei, ERR_TOO_LARGE,
			       "the footer of the Parquet file is longer than %d bytes",
			       PARQUET_MAX_FOOTER);
	buf_reserve(out, n);
	e = read_at(fd, st.st_size - TAIL_LEN - (int64_t)n, out->data + out->len, n, ei);
	if (e == OK)
		e = parquet_footer_check(out->data + out->len, n, ei);
	out->len += n;
	return e;
}
