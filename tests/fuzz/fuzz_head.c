/* libFuzzer: any bytes as the lines of a response's head. What is kept of it can be written into a
 * request or a message, and numbers are in range. */
#include "hub/head.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(const char *s)
{
	BUG_ON(*s && !head_is_visible(s));
}

static void check(const struct head *h)
{
	const struct http_response *r = &h->r;

	check_string(r->etag);
	check_string(r->commit);
	check_string(r->linked_etag);
	check_string(r->error_code);
	BUG_ON(strlen(h->location) > HTTP_MAX_URL);
	BUG_ON(r->status != 0 && (r->status < 100 || r->status > 999));
	BUG_ON(r->content_length < -1 || r->linked_size < -1 || r->retry_after_s < -1);
	BUG_ON(r->range_from < -1 || r->range_total < -1);
	BUG_ON(r->range_total >= 0 && r->range_from >= r->range_total);
	BUG_ON(h->complete && r->status < 200);
	BUG_ON(h->complete && r->status != 206 && r->range_from >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct head h, final = { 0 };
	enum err e = OK;

	head_init(&h);
	while (size && e == OK) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) + 1 : size;
		bool was_complete = h.complete;
		e = head_line(&h, (const char *)data, n, NULL);
		if (e == OK)
			check(&h);
		if (was_complete)
			BUG_ON(memcmp(&h.r, &final.r, sizeof(h.r)) != 0);
		if (h.complete && !was_complete)
			final = h;
		data += n;
		size -= n;
	}
	BUG_ON(e == OK && h.bytes > HTTP_MAX_HEADERS);
	return 0;
}
