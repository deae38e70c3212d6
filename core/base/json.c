/* JSON: see json.h. */
#include "base/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shape {
	int depth;     /* the deepest nesting */
	size_t values; /* at most so many; keys are not counted */
};

/* What the text will become, found without recursion and before anything is allocated. */
static struct shape shape_of(const char *text, size_t len)
{
	struct shape shape = { 0, 1 };
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			shape.values++;
			if (++depth > shape.depth)
				shape.depth = depth;
		} else if (c == ']' || c == '}') {
			depth--;
		} else if (c == ',') {
			shape.values++;
		}
	}
	return shape;
}

enum err json_check_shape(const char *text, size_t len, size_t max_values, struct errinfo *ei)
{
	struct shape shape = shape_of(text, len);

	if (shape.depth > JSON_MAX_DEPTH)
		return err_set(ei, ERR_SYNTAX, "nested deeper than %d levels", JSON_MAX_DEPTH);
	if (shape.values > max_values)
		return err_set(ei, ERR_SYNTAX, "more than %zu values", max_values);
	return OK;
}

enum err json_parse_bounded(const char *text, size_t len, size_t max_values, json_t **out,
			    struct errinfo *ei)
{
	enum err e = json_check_shape(text, len, max_values, ei);
	json_error_t je;

	if (e != OK)
		return e;
	*out = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
			  &je);
	if (!*out)
		return err_set(ei, ERR_SYNTAX, "line %d, column %d: %s", je.line, je.column,
			       je.text);
	return OK;
}

enum err json_parse(const char *text, size_t len, json_t **out, struct errinfo *ei)
{
	return json_parse_bounded(text, len, SIZE_MAX, out, ei);
}

static int append(const char *data, size_t n, void *out)
{
	buf_append(out, data, n);
	return 0;
}

/* Appends the shortest text that reads back as the same double, and still as a real. */
static void append_shortest(double v, struct buf *out)
{
	char number[40];
	int digits = 15;

	do
		snprintf(number, sizeof(number), "%.*g", digits, v);
	while (strtod(number, NULL) != v && ++digits <= 17);
	buf_puts(out, number);
	if (!strpbrk(number, ".e"))
		buf_puts(out, ".0");
}

/* Whether c can stand in a number behind its first character. */
static bool numeric(char c)
{
	return (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '-' || c == '+';
}

/* jansson has one precision for all reals: 17 digits keep every bit and make 0.1 unreadable. */
static void shorten_reals(const char *text, size_t len, struct buf *out)
{
	size_t plain = 0, i = 0;

	while (i < len) {
		size_t end = i + 1;
		if (text[i] == '"') {
			while (text[end] != '"')
				end += text[end] == '\\' ? 2 : 1;
			end++;
		} else if (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) {
			while (end < len && numeric(text[end]))
				end++;
			if (memchr(text + i, '.', end - i) || memchr(text + i, 'e', end - i)) {
				buf_append(out, text + plain, i - plain);
				append_shortest(strtod(text + i, NULL), out);
				plain = end;
			}
		}
		i = end;
	}
	buf_append(out, text + plain, len - plain);
}

void json_print(const json_t *v, struct buf *out)
{
	struct buf text = { 0 };

	BUG_ON(json_dump_callback(v, append, &text, JSON_COMPACT | JSON_ENCODE_ANY) != 0);
	shorten_reals(text.data, text.len, out);
	buf_clear(&text);
}

char *json_text(json_t *v)
{
	struct buf text = { 0 };

	json_print(v, &text);
	json_decref(v);
	return buf_take(&text);
}

json_t *json_number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}
