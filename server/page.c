/* Lists and the small readers that all handlers share: see page.h. */
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void bad_query(const struct web_req *rq, struct web_res *rs, const char *name,
		      const char *detail)
{
	char pointer[FIELDS_POINTER_SIZE];
	struct faults faults = { 0 };

	faults_add(&faults, fields_pointer("?", name, pointer), "%s", detail);
	web_fail_faults(rq, rs, "a query parameter is not valid", &faults);
	faults_clear(&faults);
}

bool query_int(const struct web_req *rq, struct web_res *rs, const char *name, int64_t min,
	       int64_t max, int64_t *out)
{
	const char *text = rq->get_query(rq, name);
	char detail[96], *end;

	if (!text)
		return true;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (*text && *text != ' ' && *text != '+' && *end == '\0' && errno == 0 && v >= min &&
	    v <= max) {
		*out = v;
		return true;
	}
	snprintf(detail, sizeof(detail), "must be a whole number from %lld to %lld", (long long)min,
		 (long long)max);
	bad_query(rq, rs, name, detail);
	return false;
}

bool query_bool(const struct web_req *rq, struct web_res *rs, const char *name, bool otherwise,
		bool *out)
{
	const char *text = rq->get_query(rq, name);

	*out = text ? strcmp(text, "true") == 0 : otherwise;
	if (!text || *out || strcmp(text, "false") == 0)
		return true;
	bad_query(rq, rs, name, "must be true or false");
	return false;
}

bool page_read(const struct web_req *rq, struct web_res *rs, struct page *out)
{
	int64_t limit = PAGE_DEFAULT;

	out->after = rq->get_query(rq, "after");
	if (!query_int(rq, rs, "limit", 1, PAGE_MAX, &limit))
		return false;
	out->limit = (int)limit;
	if (!out->after || strlen(out->after) < 80)
		return true;
	bad_query(rq, rs, "after", "must be an id of this list");
	return false;
}

static json_t *id_of(const json_t *item)
{
	json_t *id = json_object_get(item, "id");

	return id ? json_incref(id) : json_null();
}

json_t *page_json(json_t *data, bool more)
{
	size_t n = json_array_size(data);
	json_t *first = id_of(json_array_get(data, 0));
	json_t *last = id_of(n ? json_array_get(data, n - 1) : NULL);

	return json_pack("{s:s, s:o, s:b, s:o, s:o}", "object", "list", "data", data, "has_more",
			 more, "first_id", first, "last_id", last);
}

json_t *body_json(const struct web_req *rq, struct web_res *rs)
{
	struct errinfo ei;
	json_t *body;
	enum err e = json_parse(rq->body, rq->body_len, &body, &ei);

	if (e == OK)
		return body;
	web_fail(rq, rs, e, &ei);
	return NULL;
}
