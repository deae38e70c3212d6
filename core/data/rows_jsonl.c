/* Rows of JSON Lines: see rows.h and jsonl.h. The columns are the keys, known as they appear. */
#include "data/rows_formats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_FIELDS 8 /* a line may be as long as so many of the longest values */

static enum err open_jsonl(struct rows *r, struct row_faults *rf, struct errinfo *ei)
{
	(void)rf;
	(void)ei;
	r->jsonl = jsonl_new(&r->file, r->limits->max_field * LINE_FIELDS);
	textset_init(&r->keys);
	return OK;
}

static enum err note_keys(struct rows *r, struct errinfo *ei)
{
	const char *name;
	json_t *value;

	json_object_foreach(r->object, name, value) {
		struct text_key key = { .text = name, .text_len = strlen(name) };
		if (textset_find(&r->keys, &key) >= 0)
			continue;
		if (r->n_columns == ROWS_MAX_COLUMNS)
			return err_set(ei, ERR_TOO_LARGE,
				       "line %" PRId64 ": more than %d different keys", r->row.line,
				       ROWS_MAX_COLUMNS);
		enum err e = rows_add_column(r, name, key.text_len, ei);
		if (e != OK)
			return e;
		key.text = r->columns[r->n_columns - 1];
		textset_add(&r->keys, &key);
	}
	return OK;
}

static struct cell cell_of(const json_t *value, char digits[ROWS_DIGITS])
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return (struct cell){ json_string_value(value), (uint32_t)json_string_length(value),
				      CELL_STRING };
	case JSON_INTEGER:
		snprintf(digits, ROWS_DIGITS, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return (struct cell){ digits, (uint32_t)strlen(digits), CELL_INTEGER };
	case JSON_TRUE:
		return (struct cell){ "true", 4, CELL_BOOLEAN };
	case JSON_FALSE:
		return (struct cell){ "false", 5, CELL_BOOLEAN };
	case JSON_REAL:
		return (struct cell){ .kind = CELL_REAL };
	case JSON_ARRAY:
		return (struct cell){ .kind = CELL_LIST };
	case JSON_OBJECT:
		return (struct cell){ .kind = CELL_OBJECT };
	case JSON_NULL:
		break;
	}
	return (struct cell){ .kind = CELL_MISSING };
}

static enum err take_cells(struct rows *r, struct errinfo *ei)
{
	for (int w = 0; w < r->n_wanted; w++) {
		const json_t *value = json_object_get(r->object, r->wanted[w]);
		if (!value)
			continue;
		if (json_string_length(value) > (size_t)r->limits->max_field)
			return err_set(ei, ERR_TOO_LARGE,
				       "line %" PRId64 ": %s is longer than %" PRId64 " bytes",
				       r->row.line, EXCERPT(r->wanted[w], strlen(r->wanted[w])),
				       r->limits->max_field);
		r->row.cells[w] = cell_of(value, r->digits[w]);
	}
	return OK;
}

static enum err next_jsonl(struct rows *r, bool *end, struct errinfo *ei)
{
	json_decref(r->object);
	r->object = NULL;
	enum err e = jsonl_next(r->jsonl, &r->object, &r->row.line, ei);
	*end = e == OK && !r->object;
	if (e != OK || *end)
		return e;
	e = note_keys(r, ei);
	return e == OK ? take_cells(r, ei) : e;
}

static void close_jsonl(struct rows *r)
{
	json_decref(r->object);
	jsonl_free(r->jsonl);
	textset_clear(&r->keys);
}

const struct rows_reader rows_jsonl = {
	.name = "jsonl", .open = open_jsonl, .next = next_jsonl, .close = close_jsonl
};
