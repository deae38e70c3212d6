/* Tables from files: see table.h. */
#include "data/table.h"

#include "base/mem.h"
#include "data/csv.h"
#include "data/dataset.h"
#include "data/jsonl.h"
#include "data/textfile.h"
#include "data/textset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_FIELDS 16 /* a JSON line may be as long as so many of the longest values */

/* What the reading of one file needs, for either format. */
struct reading {
	struct textfile file;
	const char *const *wanted;
	const struct dataset_limits *limits;
	struct table *t;
	struct row_faults *rf;
};

const char *cell_kind_words(enum cell_kind kind)
{
	static const char *const words[] = {
		[CELL_MISSING] = "missing",
		[CELL_BARE] = "a text",
		[CELL_STRING] = "a string",
		[CELL_INTEGER] = "a number",
		[CELL_BOOLEAN] = "true or false",
		[CELL_REAL] = "a number with a fraction or an exponent",
		[CELL_LIST] = "a list",
		[CELL_OBJECT] = "an object",
	};
	return words[kind];
}

const char *nearest_name(char *const *names, int n, const char *name)
{
	struct field *table = mem_zalloc((size_t)n + 1, sizeof(*table));

	for (int i = 0; i < n; i++)
		table[i].name = names[i];
	const char *nearest = fields_nearest(table, name);
	free(table);
	return nearest;
}

static void add_column(struct table *t, const char *name, size_t len)
{
	t->columns = mem_resize(t->columns, (size_t)t->n_columns + 1, sizeof(*t->columns));
	t->columns[t->n_columns++] = arena_copy(t->arena, name, len);
}

/* The cells of a new row, all of them missing. */
static enum err add_row(struct reading *r, int64_t line, struct cell **cells, struct errinfo *ei)
{
	struct table *t = r->t;
	size_t n_wanted = (size_t)t->n_wanted;

	if (t->n_rows >= r->limits->max_rows)
		return err_set(ei, ERR_TOO_LARGE, "the file has more than %" PRId64 " rows",
			       r->limits->max_rows);
	if (t->n_rows == t->cap_rows && n_wanted > 0) {
		t->cap_rows = t->cap_rows ? t->cap_rows * 2 : 256;
		t->lines = mem_resize(t->lines, (size_t)t->cap_rows, sizeof(*t->lines));
		t->cells = mem_resize(t->cells, (size_t)t->cap_rows, n_wanted * sizeof(*t->cells));
	}
	if (n_wanted > 0) {
		t->lines[t->n_rows] = line;
		*cells = &t->cells[t->n_rows * t->n_wanted];
		memset(*cells, 0, n_wanted * sizeof(**cells));
	}
	t->n_rows++;
	return OK;
}

static void set_text(struct table *t, struct cell *cell, enum cell_kind kind, const char *text,
		     size_t len)
{
	*cell = (struct cell){ arena_copy(t->arena, text, len), (uint32_t)len, kind };
}

/* Finds the wanted columns. In a header one of them may stand twice. */
static void find_columns(struct reading *r)
{
	struct table *t = r->t;

	for (int w = 0; w < t->n_wanted; w++) {
		int n = 0;
		for (int i = t->n_columns - 1; i >= 0; i--) {
			if (strcmp(t->columns[i], r->wanted[w]) == 0) {
				t->columns_of[w] = i;
				n++;
			}
		}
		if (n > 1)
			row_faults_add(r->rf, "the header names the column %s %d times",
				       EXCERPT(r->wanted[w], strlen(r->wanted[w])), n);
	}
}

static enum err csv_header(struct reading *r, struct csv *csv, struct errinfo *ei)
{
	struct csv_row row;
	enum err e = csv_next(csv, &row, ei);

	if (e != OK)
		return e;
	if (row.n == 0)
		return err_set(ei, ERR_SYNTAX, "the file is empty");
	for (int i = 0; i < row.n; i++)
		add_column(r->t, row.fields[i], row.lengths[i]);
	find_columns(r);
	return OK;
}

static enum err csv_row(struct reading *r, const struct csv_row *row, struct errinfo *ei)
{
	struct table *t = r->t;
	struct cell *cells = NULL;

	if (row->n > t->n_columns)
		return err_set(ei, ERR_SYNTAX,
			       "line %" PRId64 ": %d fields where the header has %d; a text with "
			       "a comma needs quotes",
			       row->line, row->n, t->n_columns);
	enum err e = add_row(r, row->line, &cells, ei);
	if (e != OK)
		return e;
	for (int w = 0; w < t->n_wanted; w++) {
		int i = t->columns_of[w];
		if (i >= 0 && i < row->n)
			set_text(t, &cells[w], CELL_BARE, row->fields[i], row->lengths[i]);
	}
	return OK;
}

/* Reads one row. ERR_SYNTAX: the next one may be read; *end is set behind the last. */
static enum err csv_step(struct reading *r, struct csv *csv, bool *end, struct errinfo *ei)
{
	struct csv_row row;
	enum err e = csv_next(csv, &row, ei);

	if (e != OK)
		return e;
	*end = row.n == 0;
	return *end ? OK : csv_row(r, &row, ei);
}

static enum err read_csv(struct reading *r, struct errinfo *ei)
{
	struct csv *csv = csv_new(&r->file, r->limits->max_field);
	enum err e = csv_header(r, csv, ei);

	for (bool end = false; e == OK && !end;) {
		e = csv_step(r, csv, &end, ei);
		if (e == ERR_SYNTAX) {
			row_faults_add(r->rf, "%s", ei->msg);
			e = OK;
		}
	}
	csv_free(csv);
	return e;
}

static enum err note_keys(struct table *t, struct textset *known, const json_t *object,
			  int64_t line, struct errinfo *ei)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value) {
		struct text_key key = { .text = name, .text_len = strlen(name) };
		if (textset_find(known, &key) >= 0)
			continue;
		if (t->n_columns == TABLE_MAX_COLUMNS)
			return err_set(ei, ERR_TOO_LARGE,
				       "line %" PRId64 ": more than %d different keys", line,
				       TABLE_MAX_COLUMNS);
		add_column(t, name, key.text_len);
		key.text = t->columns[t->n_columns - 1];
		textset_add(known, &key);
	}
	return OK;
}

static void json_cell(struct table *t, const json_t *value, struct cell *cell)
{
	char digits[32];

	switch (json_typeof(value)) {
	case JSON_STRING:
		set_text(t, cell, CELL_STRING, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
		set_text(t, cell, CELL_INTEGER, digits, strlen(digits));
		break;
	case JSON_TRUE:
		*cell = (struct cell){ "true", 4, CELL_BOOLEAN };
		break;
	case JSON_FALSE:
		*cell = (struct cell){ "false", 5, CELL_BOOLEAN };
		break;
	case JSON_REAL:
		cell->kind = CELL_REAL;
		break;
	case JSON_ARRAY:
		cell->kind = CELL_LIST;
		break;
	case JSON_OBJECT:
		cell->kind = CELL_OBJECT;
		break;
	case JSON_NULL:
		break;
	}
}

/* Refuses a row with a wanted value that is too long. */
static enum err check_lengths(const struct reading *r, const json_t *object, int64_t line,
			      struct errinfo *ei)
{
	for (int w = 0; w < r->t->n_wanted; w++) {
		const char *name = r->wanted[w];
		const json_t *value = json_object_get(object, name);
		if (json_string_length(value) > (size_t)r->limits->max_field)
			return err_set(ei, ERR_TOO_LARGE,
				       "line %" PRId64 ": %s is longer than %" PRId64 " bytes",
				       line, EXCERPT(name, strlen(name)), r->limits->max_field);
	}
	return OK;
}

static enum err json_row(struct reading *r, const json_t *object, int64_t line, struct errinfo *ei)
{
	struct cell *cells = NULL;
	enum err e = check_lengths(r, object, line, ei);

	if (e == OK)
		e = add_row(r, line, &cells, ei);
	for (int w = 0; e == OK && w < r->t->n_wanted; w++) {
		const json_t *value = json_object_get(object, r->wanted[w]);
		if (value)
			json_cell(r->t, value, &cells[w]);
	}
	return e;
}

static enum err jsonl_step(struct reading *r, struct jsonl *jsonl, struct textset *known, bool *end,
			   struct errinfo *ei)
{
	json_t *object;
	int64_t line;
	enum err e = jsonl_next(jsonl, &object, &line, ei);

	if (e != OK)
		return e;
	*end = object == NULL;
	if (*end)
		return OK;
	e = note_keys(r->t, known, object, line, ei);
	if (e == OK)
		e = json_row(r, object, line, ei);
	json_decref(object);
	return e;
}

static enum err read_jsonl(struct reading *r, struct errinfo *ei)
{
	struct jsonl *jsonl = jsonl_new(&r->file, r->limits->max_field * LINE_FIELDS);
	struct textset known;
	enum err e = OK;

	textset_init(&known);
	for (bool end = false; e == OK && !end;) {
		e = jsonl_step(r, jsonl, &known, &end, ei);
		if (e == ERR_SYNTAX) {
			row_faults_add(r->rf, "%s", ei->msg);
			e = OK;
		}
	}
	find_columns(r);
	textset_clear(&known);
	jsonl_free(jsonl);
	return e;
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

static enum err read_any(struct reading *r, struct errinfo *ei)
{
	struct textfile *s = &r->file;
	bool array;
	enum err e = textfile_fill(s, ei);

	if (e != OK)
		return e;
	if (s->end - s->at >= 4 && memcmp(s->at, "PAR1", 4) == 0)
		return err_set(ei, ERR_UNSUPPORTED,
			       "this is a Parquet file, which this version does not read; CSV and "
			       "JSON Lines are read");
	char first = first_byte(s, &array);
	if (array)
		return err_set(ei, ERR_UNSUPPORTED,
			       "the file is one JSON array; JSON Lines are read: one object a "
			       "line, without brackets and commas around them");
	return first == '{' ? read_jsonl(r, ei) : read_csv(r, ei);
}

enum err table_read(int fd, const char *const *wanted, int n_wanted,
		    const struct dataset_limits *limits, struct table *out, struct row_faults *rf,
		    struct errinfo *ei)
{
	struct reading r = { .wanted = wanted, .limits = limits, .t = out, .rf = rf };
	struct errinfo why = { "" };

	BUG_ON(n_wanted > TABLE_MAX_WANTED);
	*out = (struct table){ .n_wanted = n_wanted, .arena = arena_new() };
	for (int w = 0; w < TABLE_MAX_WANTED; w++)
		out->columns_of[w] = -1;
	textfile_init(&r.file, fd, limits->max_bytes);
	enum err e = read_any(&r, &why);
	textfile_clear(&r.file);
	if (e == OK)
		return OK;
	if (e == ERR_IO)
		return err_set(ei, e, "%s", why.msg);
	row_faults_add(rf, "%s", why.msg);
	return OK;
}

void table_clear(struct table *t)
{
	free(t->columns);
	free(t->cells);
	free(t->lines);
	arena_free(t->arena);
	*t = (struct table){ 0 };
}
