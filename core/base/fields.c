/* Tables of named fields: see fields.h. */
#include "base/fields.h"

#include "base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void faults_add(struct faults *f, const char *pointer, const char *fmt, ...)
{
	char detail[512];
	va_list ap;

	if (!f->list)
		f->list = json_array();
	if (json_array_size(f->list) >= FAULTS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	/* What was cut in the middle of a character is no JSON string: cut back to its start. */
	json_t *text = json_string(detail);
	for (size_t n = strlen(detail); !text && n; text = json_string(detail))
		detail[--n] = '\0';
	json_t *where = json_string(pointer);
	json_t *fault = json_object();
	json_object_set_new(fault, "pointer", where ? where : json_string("#"));
	json_object_set_new(fault, "detail", text);
	json_array_append_new(f->list, fault);
}

bool faults_any(const struct faults *f)
{
	return json_array_size(f->list) > 0;
}

void faults_clear(struct faults *f)
{
	json_decref(f->list);
	f->list = NULL;
}

const char *fields_pointer(const char *pointer, const char *name, char *out)
{
	size_t n = (size_t)snprintf(out, FIELDS_POINTER_SIZE - 4, "%s/", pointer);

	if (n > FIELDS_POINTER_SIZE - 5)
		n = FIELDS_POINTER_SIZE - 5;
	for (; *name && n < FIELDS_POINTER_SIZE - 5; name++) {
		if (*name == '~' || *name == '/') {
			out[n++] = '~';
			out[n++] = *name == '~' ? '0' : '1';
		} else {
			out[n++] = *name;
		}
	}
	/* Never end inside a UTF-8 sequence. */
	if (*name && ((unsigned char)*name & 0xc0) == 0x80) {
		while (n && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
			n--;
		if (n)
			n--;
	}
	out[n] = '\0';
	return out;
}

static const char *kind_words(const struct field *row)
{
	switch (row->kind) {
	case F_BOOL:
		return "true or false";
	case F_INT:
		return "a whole number";
	case F_DOUBLE:
		return "a number";
	case F_STRING:
	case F_ENUM:
		return "a string";
	case F_OBJECT:
		return "an object";
	case F_ARRAY:
		return "an array";
	case F_ANY:
		break;
	}
	return "a value";
}

static bool bounded(const struct field *row)
{
	return row->min != 0 || row->max != 0;
}

/* Whether v lies in the row's bounds; says so where it does not. what is "" or "its length ". */
static bool in_bounds(const struct field *row, double v, const char *what, const char *pointer,
		      struct faults *faults)
{
	bool low = row->above_min ? v <= row->min : v < row->min;

	if (!bounded(row) && !row->above_min)
		return true;
	if (!low && (v <= row->max || row->max == 0))
		return true;
	if (row->max == 0)
		faults_add(faults, pointer, "%smust be %s %g", what,
			   row->above_min ? "above" : "at least", row->min);
	else
		faults_add(faults, pointer, "%smust be %s %g and at most %g", what,
			   row->above_min ? "above" : "at least", row->min, row->max);
	return false;
}

static bool set_int(const struct field *row, const json_t *value, const char *pointer, int64_t *out,
		    struct faults *faults)
{
	double real = json_number_value(value);

	if (json_is_real(value) && (real != floor(real) || fabs(real) > 9007199254740992.0)) {
		faults_add(faults, pointer, "must be a whole number");
		return false;
	}
	if (!in_bounds(row, real, "", pointer, faults))
		return false;
	*out = json_is_real(value) ? (int64_t)real : (int64_t)json_integer_value(value);
	return true;
}

static bool set_string(const struct field *row, const json_t *value, const char *pointer,
		       char **out, struct faults *faults)
{
	if (strlen(json_string_value(value)) != json_string_length(value)) {
		faults_add(faults, pointer, "must not hold the character U+0000");
		return false;
	}
	if (!in_bounds(row, (double)json_string_length(value), "its length ", pointer, faults))
		return false;
	free(*out);
	*out = mem_strdup(json_string_value(value));
	return true;
}

static bool set_enum(const struct field *row, const json_t *value, const char *pointer, int *out,
		     struct faults *faults)
{
	char known[256] = "";
	size_t n = 0;

	for (int i = 0; row->names[i]; i++) {
		if (strcmp(row->names[i], json_string_value(value)) == 0) {
			*out = i;
			return true;
		}
		int w = snprintf(known + n, sizeof(known) - n, "%s\"%s\"", i ? ", " : "",
				 row->names[i]);
		n = n + (size_t)w < sizeof(known) ? n + (size_t)w : sizeof(known) - 1;
	}
	faults_add(faults, pointer, "must be one of %s", known);
	return false;
}

static bool right_type(const struct field *row, const json_t *value)
{
	switch (row->kind) {
	case F_BOOL:
		return json_is_boolean(value);
	case F_INT:
	case F_DOUBLE:
		return json_is_number(value);
	case F_STRING:
	case F_ENUM:
		return json_is_string(value);
	case F_OBJECT:
		return json_is_object(value);
	case F_ARRAY:
		return json_is_array(value);
	case F_ANY:
		break;
	}
	return true;
}

bool field_set(const struct field *row, const json_t *value, const char *pointer, void *target,
	       struct faults *faults)
{
	char *at = (char *)target + row->offset;

	if (json_is_null(value) && row->nullable)
		return true;
	if (!right_type(row, value)) {
		faults_add(faults, pointer, "must be %s", kind_words(row));
		return false;
	}
	switch (row->kind) {
	case F_BOOL:
		*(bool *)at = json_is_true(value);
		return true;
	case F_INT:
		return set_int(row, value, pointer, (int64_t *)at, faults);
	case F_DOUBLE:
		if (!in_bounds(row, json_number_value(value), "", pointer, faults))
			return false;
		*(double *)at = json_number_value(value);
		return true;
	case F_STRING:
		return set_string(row, value, pointer, (char **)at, faults);
	case F_ENUM:
		return set_enum(row, value, pointer, (int *)at, faults);
	case F_ARRAY:
		if (!in_bounds(row, (double)json_array_size(value), "its length ", pointer, faults))
			return false;
		break;
	case F_OBJECT:
	case F_ANY:
		break;
	}
	json_decref(*(json_t **)at);
	*(json_t **)at = json_incref((json_t *)value);
	return true;
}

const struct field *fields_find(const struct field *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

/* Levenshtein distance of two short strings; 99 when either is too long to be a typing slip. */
static int distance(const char *a, const char *b)
{
	int row[65], na = (int)strlen(a), nb = (int)strlen(b);

	if (na > 64 || nb > 64)
		return 99;
	for (int j = 0; j <= nb; j++)
		row[j] = j;
	for (int i = 1; i <= na; i++) {
		int diagonal = row[0];
		row[0] = i;
		for (int j = 1; j <= nb; j++) {
			int change = diagonal + (a[i - 1] != b[j - 1]);
			int step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = change < step ? change : step;
		}
	}
	return row[nb];
}

const char *fields_nearest(const struct field *table, const char *name)
{
	int best = (int)strlen(name) / 3 > 2 ? (int)strlen(name) / 3 : 2;
	const char *nearest = NULL;

	for (; table->name; table++) {
		int d = distance(name, table->name);
		if (d <= best && d < (int)strlen(table->name)) {
			best = d - 1;
			nearest = table->name;
		}
	}
	return nearest;
}

bool fields_read(const struct field *table, const json_t *object, const char *pointer, void *target,
		 struct faults *faults)
{
	char where[FIELDS_POINTER_SIZE];
	const char *key;
	json_t *value;
	bool ok = true;

	if (!json_is_object(object)) {
		faults_add(faults, pointer, "must be an object");
		return false;
	}
	json_object_foreach((json_t *)object, key, value) {
		const struct field *row = fields_find(table, key);
		fields_pointer(pointer, key, where);
		if (row) {
			ok &= field_set(row, value, where, target, faults);
			continue;
		}
		const char *near = fields_nearest(table, key);
		if (near)
			faults_add(faults, where, "unknown field; did you mean \"%s\"?", near);
		else
			faults_add(faults, where, "unknown field");
		ok = false;
	}
	for (const struct field *row = table; row->name; row++) {
		const json_t *given = json_object_get(object, row->name);
		if (row->required && (!given || (json_is_null(given) && row->nullable))) {
			faults_add(faults, fields_pointer(pointer, row->name, where),
				   "is required");
			ok = false;
		}
	}
	return ok;
}

json_t *fields_write(const struct field *table, const void *source)
{
	json_t *object = json_object();

	for (; table->name; table++) {
		const char *at = (const char *)source + table->offset;
		json_t *value = NULL;
		switch (table->kind) {
		case F_BOOL:
			value = json_boolean(*(const bool *)at);
			break;
		case F_INT:
			value = json_integer(*(const int64_t *)at);
			break;
		case F_DOUBLE:
			value = json_real(*(const double *)at);
			break;
		case F_STRING:
			value = *(char *const *)at ? json_string(*(char *const *)at) : json_null();
			break;
		case F_ENUM:
			value = json_string(table->names[*(const int *)at]);
			break;
		case F_OBJECT:
		case F_ARRAY:
		case F_ANY:
			value = *(json_t *const *)at ? json_incref(*(json_t *const *)at)
						     : json_null();
			break;
		}
		json_object_set_new(object, table->name, value);
	}
	return object;
}

void fields_clear(const struct field *table, void *target)
{
	for (; table->name; table++) {
		char *at = (char *)target + table->offset;
		if (table->kind == F_STRING) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (table->kind == F_OBJECT || table->kind == F_ARRAY ||
			   table->kind == F_ANY) {
			json_decref(*(json_t **)at);
			*(json_t **)at = NULL;
		}
	}
}
