/* The head of an HTTP response: see head.h. */
#include "hub/head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A header's value, without the spaces around it. */
struct value {
	const char *at;
	size_t n;
};

typedef enum err reader(struct head *h, struct value v, struct errinfo *ei);

void head_init(struct head *h)
{
	*h = (struct head){ .r = { .content_length = -1,
				   .range_from = -1,
				   .range_total = -1,
				   .linked_size = -1,
				   .retry_after_s = -1 } };
}

bool head_is_visible(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f || *p == '"')
			return false;
	return *text != '\0';
}

/* The digits at the start of v, taken off it. False: none, or more than an int64_t holds. */
static bool take_number(struct value *v, int64_t *out)
{
	int64_t sum = 0;
	size_t i = 0;

	for (; i < v->n && v->at[i] >= '0' && v->at[i] <= '9'; i++)
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, v->at[i] - '0', &sum))
			return false;
	*out = sum;
	*v = (struct value){ v->at + i, v->n - i };
	return i > 0;
}

static bool take_text(struct value *v, const char *text)
{
	size_t n = strlen(text);

	if (v->n < n || strncasecmp(v->at, text, n) != 0)
		return false;
	*v = (struct value){ v->at + n, v->n - n };
	return true;
}

static void read_size(struct value v, int64_t *out)
{
	int64_t n;

	if (take_number(&v, &n) && v.n == 0)
		*out = n;
}

static void read_string(struct value v, char *out, size_t size)
{
	if (v.n >= size || memchr(v.at, '\0', v.n))
		return;
	memcpy(out, v.at, v.n);
	out[v.n] = '\0';
	if (!head_is_visible(out))
		*out = '\0';
}

static void read_etag(struct value v, char *out, size_t size)
{
	take_text(&v, "W/");
	if (v.n >= 2 && v.at[0] == '"' && v.at[v.n - 1] == '"')
		v = (struct value){ v.at + 1, v.n - 2 };
	read_string(v, out, size);
}

static enum err read_content_length(struct head *h, struct value v, struct errinfo *ei)
{
	int64_t n;

	if (!take_number(&v, &n) || v.n)
		return err_set(ei, ERR_NETWORK, "the server announced a length that is no number");
	if (h->r.content_length >= 0 && h->r.content_length != n)
		return err_set(ei, ERR_NETWORK, "the server announced two lengths");
	h->r.content_length = n;
	return OK;
}

static enum err read_content_range(struct head *h, struct value v, struct errinfo *ei)
{
	int64_t from, to, total = -1;

	(void)ei;
	if (take_text(&v, "bytes ") && take_number(&v, &from) && take_text(&v, "-") &&
	    take_number(&v, &to) && take_text(&v, "/") &&
	    (take_text(&v, "*") || take_number(&v, &total)) && v.n == 0 && from <= to &&
	    (total < 0 || to < total)) {
		h->r.range_from = from;
		h->r.range_total = total;
	}
	return OK;
}

static enum err read_location(struct head *h, struct value v, struct errinfo *ei)
{
	char text[sizeof(h->location)];

	if (v.n >= sizeof(text) || memchr(v.at, '\0', v.n))
		return err_set(ei, ERR_NETWORK, "the server redirects to what is no URL");
	memcpy(text, v.at, v.n);
	text[v.n] = '\0';
	if (*h->location && strcmp(h->location, text) != 0)
		return err_set(ei, ERR_NETWORK, "the server redirects to two places");
	strcpy(h->location, text);
	return OK;
}

static enum err read_content_encoding(struct head *h, struct value v, struct errinfo *ei)
{
	(void)ei;
	h->encoded |= v.n && !(take_text(&v, "identity") && v.n == 0);
	return OK;
}

static enum err read_transfer_encoding(struct head *h, struct value v, struct errinfo *ei)
{
	(void)ei;
	h->chunked = true;
	h->encoded |= !(take_text(&v, "chunked") && v.n == 0);
	return OK;
}

static enum err read_accept_ranges(struct head *h, struct value v, struct errinfo *ei)
{
	(void)ei;
	h->r.accepts_ranges = take_text(&v, "bytes") && v.n == 0;
	return OK;
}

static enum err read_our_etag(struct head *h, struct value v, struct errinfo *ei)
{
	(void)ei;
	read_etag(v, h->r.etag, sizeof(h->r.etag));
	return OK;
}

static enum err read_commit(struct head *h, struct value v, struct errinfo *ei)
{
	(void)ei;
	read_string(v, h->r.commit, sizeof(h->r.commit));
	return OK;
}

static enum err read_linked_etag(struct head *h, struct value v, struct errinfo *ei)
{
	(void)ei;
	read_etag(v, h->r.linked_etag, sizeof(h->r.linked_etag));
	return OK;
}

static enum err read_linked_size(struct head *h, struct value v, struct errinfo *ei)
{
	(void)ei;
	read_size(v, &h->r.linked_size);
	return OK;
}

static enum err read_error_code(struct head *h, struct value v, struct errinfo *ei)
{
	(void)ei;
	read_string(v, h->r.error_code, sizeof(h->r.error_code));
	return OK;
}

static enum err read_retry_after(struct head *h, struct value v, struct errinfo *ei)
{
	(void)ei;
	read_size(v, &h->r.retry_after_s);
	return OK;
}

static const struct {
	const char *name;
	reader *read;
} fields[] = {
	{ "Content-Length", read_content_length },
	{ "Content-Range", read_content_range },
	{ "Content-Encoding", read_content_encoding },
	{ "Transfer-Encoding", read_transfer_encoding },
	{ "Accept-Ranges", read_accept_ranges },
	{ "Location", read_location },
	{ "ETag", read_our_etag },
	{ "Retry-After", read_retry_after },
	{ "X-Repo-Commit", read_commit },
	{ "X-Linked-Etag", read_linked_etag },
	{ "X-Linked-Size", read_linked_size },
	{ "X-Error-Code", read_error_code },
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum err read_field(struct head *h, const char *line, size_t n, struct errinfo *ei)
{
	const char *colon = memchr(line, ':', n);
	size_t name = colon ? (size_t)(colon - line) : 0;
	struct value v = { line + name + 1, n - name - 1 };

	if (!colon)
		return OK;
	while (v.n && is_space(*v.at))
		v = (struct value){ v.at + 1, v.n - 1 };
	while (v.n && is_space(v.at[v.n - 1]))
		v.n--;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (strlen(fields[i].name) == name && strncasecmp(fields[i].name, line, name) == 0)
			return fields[i].read(h, v, ei);
	return OK;
}

/* "HTTP/1.1 200 OK". A head that follows an informational one begins anew. */
static enum err read_status(struct head *h, const char *line, size_t n, struct errinfo *ei)
{
	size_t bytes = h->bytes;
	const char *space = memchr(line, ' ', n);
	struct value v = { space ? space + 1 : line, space ? n - (size_t)(space + 1 - line) : 0 };
	size_t before = v.n;
	int64_t status;

	if (n < 5 || strncasecmp(line, "HTTP/", 5) != 0 || !take_number(&v, &status) ||
	    before - v.n != 3 || status < 100)
		return err_set(ei, ERR_NETWORK, "the server sent a head without a status");
	head_init(h);
	h->bytes = bytes;
	h->started = true;
	h->r.status = (int)status;
	return OK;
}

static void end_head(struct head *h)
{
	h->started = false;
	h->complete = h->r.status >= 200;
	if (h->chunked)
		h->r.content_length = -1;
	if (h->r.status != 206)
		h->r.range_from = h->r.range_total = -1;
}

enum err head_line(struct head *h, const char *line, size_t n, struct errinfo *ei)
{
	h->bytes += n;
	if (h->bytes > HTTP_MAX_HEADERS)
		return err_set(ei, ERR_TOO_LARGE, "the server sent a head of more than %d bytes",
			       HTTP_MAX_HEADERS);
	if (h->complete)
		return OK;
	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	if (!h->started)
		return read_status(h, line, n, ei);
	if (n)
		return read_field(h, line, n, ei);
	end_head(h);
	return OK;
}

bool head_redirects(const struct head *h)
{
	switch (h->r.status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return h->complete;
	default:
		return false;
	}
}
