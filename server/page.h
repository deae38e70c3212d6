/* Lists: the query parameters after and limit, and the list object that all collections share. */
#ifndef BERTD_SERVER_PAGE_H
#define BERTD_SERVER_PAGE_H

#include <stdbool.h>

#include "web.h"

#define PAGE_DEFAULT 20
#define PAGE_MAX     100

struct page {
	const char *after; /* id, or NULL: from the first */
	int limit;
};

/* Reads after and limit. false: rs already holds the problem. */
bool page_read(const struct web_req *rq, struct web_res *rs, struct page *out);

/* {object:"list", data, has_more, first_id, last_id} of items that each have an "id"; takes the
 * reference. */
json_t *page_json(json_t *data, bool more);

/* A query parameter that is true or false; absent: otherwise. false: rs already holds the problem.
 */
bool query_bool(const struct web_req *rq, struct web_res *rs, const char *name, bool otherwise,
		bool *out);

/* A query parameter that is a whole number within [min, max]; absent: *out stays. false: rs already
 * holds the problem. */
bool query_int(const struct web_req *rq, struct web_res *rs, const char *name, int64_t min,
	       int64_t max, int64_t *out);

/* The body as one JSON value, a new reference; NULL: rs already holds the problem. */
json_t *body_json(const struct web_req *rq, struct web_res *rs);

#endif
