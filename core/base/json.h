/* JSON text to jansson values and back, with the limits that input from outside gets. */
#ifndef BERTD_BASE_JSON_H
#define BERTD_BASE_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_MAX_DEPTH 32 /* arrays and objects inside one another */

/* Parses exactly one value. Refused: duplicate keys, anything behind the value, invalid UTF-8,
 * nesting deeper than JSON_MAX_DEPTH, NaN and Infinity. Strings may hold U+0000. On OK *out is a
 * new reference. ERR_SYNTAX with line and column. */
enum err json_parse(const char *text, size_t len, json_t **out, struct errinfo *ei) MUST_USE;
/* The same for text from strangers: ERR_SYNTAX too when it has more than max_values values. One
 * takes up to about 250 bytes of memory, and as few as 3 bytes of text. */
enum err json_parse_bounded(const char *text, size_t len, size_t max_values, json_t **out,
			    struct errinfo *ei) MUST_USE;
/* The bounds alone, on depth and number of values, for a text that somebody else parses. */
enum err json_check_shape(const char *text, size_t len, size_t max_values,
			  struct errinfo *ei) MUST_USE;

/* Appends v as compact text in the order of its keys; a double as the shortest number that reads
 * back as the same one, as Python prints it. */
void json_print(const json_t *v, struct buf *out);

/* The same as a new string; takes the reference. The caller frees. */
char *json_text(json_t *v);

/* A finite double as a JSON real; null for NaN and the infinities, which JSON has no words for. */
json_t *json_number(double v);

#endif
