/* Request targets: see uri.h. */
#include "uri.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_utf8(const char *s, size_t n)
{
	json_t *text = json_stringn(s, n);

	json_decref(text);
	return text != NULL;
}

long uri_decode(const char *s, size_t n, bool plus, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];
		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			if (n - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
				return -1;
			c = hex(s[i + 1]) * 16 + hex(s[i + 2]);
			i += 2;
		}
		if (c == 0)
			return -1;
		out[len++] = (char)c;
	}
	out[len] = '\0';
	return is_utf8(out, len) ? (long)len : -1;
}

/* One "name=value" of n bytes, decoded into *at, which moves behind it. */
static bool read_param(const char *s, size_t n, char **at, struct uri_param *out)
{
	const char *equals = memchr(s, '=', n);
	size_t n_name = equals ? (size_t)(equals - s) : n;
	long len = uri_decode(s, n_name, true, *at);

	if (len < 0)
		return false;
	out->name = *at;
	*at += len + 1;
	len = equals ? uri_decode(equals + 1, n - n_name - 1, true, *at) : 0;
	if (len < 0)
		return false;
	(*at)[len] = '\0';
	out->value = *at;
	*at += len + 1;
	return true;
}

bool uri_query_read(const char *s, struct uri_query *out)
{
	*out = (struct uri_query){ 0 };
	if (!s || !*s)
		return true;
	out->params = mem_zalloc(URI_MAX_PARAMS, sizeof(*out->params));
	out->text = mem_alloc(strlen(s) + URI_MAX_PARAMS * 2);
	char *at = out->text;
	for (const char *end; *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, '&');
		if (end == s)
			continue;
		if (out->n == URI_MAX_PARAMS ||
		    !read_param(s, (size_t)(end - s), &at, &out->params[out->n])) {
			uri_query_clear(out);
			return false;
		}
		out->n++;
	}
	return true;
}

const char *uri_query_get(const struct uri_query *q, const char *name)
{
	for (int i = 0; i < q->n; i++)
		if (strcmp(q->params[i].name, name) == 0)
			return q->params[i].value;
	return NULL;
}

void uri_query_clear(struct uri_query *q)
{
	free(q->params);
	free(q->text);
	*q = (struct uri_query){ 0 };
}
