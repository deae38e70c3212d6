/* Rows of any format: see rows.h. */
#include "data/rows_formats.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct rows_reader *const readers[] = {
	[ROWS_CSV] = &rows_csv,
	[ROWS_JSONL] = &rows_jsonl,
	[ROWS_PARQUET] = &rows_parquet,
};

const char *rows_format_name(enum rows_format f)
{
	return readers[f]->name;
}

enum rows_format rows_format(const struct rows *r)
{
	return r->format;
}

int rows_n_columns(const struct rows *r)
{
	return r->n_columns;
}

char *const *rows_columns(const struct rows *r)
{
	return r->columns;
}

int rows_column_of(const struct rows *r, int wanted)
{
	return r->columns_of[wanted];
}

int rows_class_names(const struct rows *r, int wanted, char *const **names)
{
	return r->reader->class_names ? r->reader->class_names(r, wanted, names) : 0;
}

enum err rows_add_column(struct rows *r, const char *name, size_t len, struct errinfo *ei)
{
	if (len > ROWS_MAX_NAME)
		return err_set(ei, ERR_TOO_LARGE,
			       "the name of column %d is longer than %d bytes: %s",
			       r->n_columns + 1, ROWS_MAX_NAME, EXCERPT(name, len));
	char *copy = arena_copy(r->names, name, len);
	r->columns = mem_resize(r->columns, (size_t)r->n_columns + 1, sizeof(*r->columns));
	for (int w = 0; w < r->n_wanted; w++)
		if (r->columns_of[w] < 0 && strcmp(copy, r->wanted[w]) == 0)
			r->columns_of[w] = r->n_columns;
	r->columns[r->n_columns++] = copy;
	return OK;
}

/* The first byte of the window behind its blanks, and whether what follows makes it a JSON array of
 * objects. */
static char first_byte(const struct textfile *s, bool *array)
{
	const char *p = s->at;

	while (p < s->end && strchr(" \t\r\n", *p))
		p++;
	char first = p < s->end ? *p : '\0';
	for (p += p < s->end; p < s->end && strchr(" \t\r\n", *p);)
		p++;
	*array = first == '[' && p < s->end && *p == '{';
	return first;
}

static enum err find_text_format(struct rows *r, struct errinfo *ei)
{
	bool array;

	if (lseek(r->fd, 0, SEEK_SET) != 0) {
		err_errno(ei, "reading the file failed");
		return ERR_IO;
	}
	textfile_init(&r->file, r->fd, r->limits->max_bytes);
	enum err e = textfile_fill(&r->file, ei);
	if (e != OK)
		return e;
	char first = first_byte(&r->file, &array);
	if (array)
		return err_set(ei, ERR_UNSUPPORTED,
			       "the file is one JSON array; JSON Lines are read: one object a "
			       "line, without brackets and commas around them");
	r->format = first == '{' ? ROWS_JSONL : ROWS_CSV;
	return OK;
}

static enum err begin(struct rows *r, struct row_faults *rf, struct errinfo *ei)
{
	char magic[4];
	enum err e = OK;

	r->format = ROWS_PARQUET;
	if (pread(r->fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	    memcmp(magic, "PAR1", sizeof(magic)) != 0)
		e = find_text_format(r, ei);
	if (e != OK)
		return e;
	r->reader = readers[r->format];
	return r->reader->open(r, rf, ei);
}

enum err rows_open(int fd, const char *const *wanted, int n_wanted,
		   const struct dataset_limits *limits, struct row_faults *rf, struct rows **out,
		   struct errinfo *ei)
{
	struct rows *r = mem_zalloc(1, sizeof(*r));
	struct errinfo why = { "" };

	BUG_ON(n_wanted > ROWS_MAX_WANTED);
	*r = (struct rows){ .fd = fd, .wanted = wanted, .n_wanted = n_wanted, .limits = limits };
	r->names = arena_new();
	for (int w = 0; w < ROWS_MAX_WANTED; w++)
		r->columns_of[w] = -1;
	*out = NULL;
	enum err e = begin(r, rf, &why);
	if (e == OK) {
		*out = r;
		return OK;
	}
	rows_close(r);
	if (e == ERR_IO)
		return err_set(ei, e, "%s", why.msg);
	row_faults_add(rf, "%s", why.msg);
	return err_set(ei, ERR_INVALID, "the file is not valid");
}

void rows_close(struct rows *r)
{
	if (!r)
		return;
	if (r->reader)
		r->reader->close(r);
	textfile_clear(&r->file);
	free(r->columns);
	arena_free(r->names);
	free(r);
}

static enum err next_row(struct rows *r, bool *end, struct errinfo *ei)
{
	memset(r->row.cells, 0, sizeof(r->row.cells));
	enum err e = r->reader->next(r, end, ei);
	if (e != OK || *end)
		return e;
	if (r->n_rows >= r->limits->max_rows)
		return err_set(ei, ERR_TOO_LARGE, "the file has more than %" PRId64 " rows",
			       r->limits->max_rows);
	r->row.number = r->n_rows++;
	return OK;
}

enum err rows_next(struct rows *r, struct row_faults *rf, const struct row **row,
		   struct errinfo *ei)
{
	struct errinfo why = { "" };

	*row = NULL;
	while (!r->ended) {
		bool end = false;
		enum err e = next_row(r, &end, &why);
		if (e == OK && !end) {
			*row = &r->row;
			return OK;
		}
		r->ended = e != ERR_SYNTAX;
		if (e == ERR_IO)
			return err_set(ei, e, "%s", why.msg);
		if (e != OK)
			row_faults_add(rf, "%s", why.msg);
	}
	return OK;
}
