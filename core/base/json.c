/* JSON: see json.h. */
#include "base/json.h"

#include <math.h>
#include <stdbool.h>

/* The deepest nesting of the text, found without recursion, so that hostile input never reaches the
 * parser's stack. */
static int nesting(const char *text, size_t len)
{
	int depth = 0, deepest = 0;
	bool in_string = false;

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
			if (++depth > deepest)
				deepest = depth;
		} else if (c == ']' || c == '}') {
			depth--;
		}
	}
	return deepest;
}

enum err json_parse(const char *text, size_t len, json_t **out, struct errinfo *ei)
{
	json_error_t je;

	if (nesting(text, len) > JSON_MAX_DEPTH)
		return err_set(ei, ERR_SYNTAX, "nested deeper than %d levels", JSON_MAX_DEPTH);
	*out = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
			  &je);
	if (!*out)
		return err_set(ei, ERR_SYNTAX, "line %d, column %d: %s", je.line, je.column,
			       je.text);
	return OK;
}

static int append(const char *data, size_t n, void *out)
{
	buf_append(out, data, n);
	return 0;
}

void json_print(const json_t *v, struct buf *out)
{
	BUG_ON(json_dump_callback(v, append, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0);
}

json_t *json_number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}
