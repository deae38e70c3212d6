/* Request targets: cutting and percent-decoding (RFC 3986), with everything hostile refused. Pure.
 */
#ifndef BERTD_SERVER_URI_H
#define BERTD_SERVER_URI_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes n bytes of s into out (n + 1 bytes are enough) and terminates; plus: '+' is a blank, as
 * in queries. Returns the length, or -1: a '%' without two hex digits behind it, U+0000, or not
 * UTF-8. */
long uri_decode(const char *s, size_t n, bool plus, char *out);

struct uri_param {
	char *name, *value; /* "" when there is no '=' */
};
struct uri_query {
	struct uri_param *params;
	int n;
	char *text; /* what the params point into */
};
#define URI_MAX_PARAMS 32

/* Reads "a=1&b=2" (NULL: empty). false: an encoding fault, or more than URI_MAX_PARAMS; out is
 * empty then. */
bool uri_query_read(const char *s, struct uri_query *out);
/* The first value of that name, or NULL. */
const char *uri_query_get(const struct uri_query *q, const char *name);
void uri_query_clear(struct uri_query *q);

#endif
