/* Errors as application/problem+json: see web.h. The one place where an enum err becomes an HTTP
 * status. */
#include "web.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define RETRY_AFTER "5"

struct problem {
	int status;
	const char *code;
	const char *general; /* what the client is told instead of our own words; NULL: those are
				for it */
};

static struct problem problem_of(enum err e)
{
	switch (e) {
	case ERR_SYNTAX:
		return (struct problem){ 400, "syntax", NULL };
	case ERR_INVALID:
		return (struct problem){ 422, "invalid", NULL };
	case ERR_NOT_FOUND:
		return (struct problem){ 404, "not_found", NULL };
	case ERR_CONFLICT:
		return (struct problem){ 409, "conflict", NULL };
	case ERR_TOO_LARGE:
		return (struct problem){ 413, "too_large", NULL };
	case ERR_UNSUPPORTED:
		return (struct problem){ 415, "unsupported", NULL };
	case ERR_BUSY:
		return (struct problem){ 503, "busy", NULL };
	case ERR_DISK_FULL:
		return (struct problem){ 507, "disk_full", "the server's disk is full" };
	case ERR_QUOTA:
		return (struct problem){ 507, "quota", NULL };
	case ERR_DEVICE_MEMORY:
		return (struct problem){ 503, "device_memory",
					 "the device has no memory left for this request" };
	case ERR_NETWORK:
		return (struct problem){ 502, "network", NULL };
	case ERR_DENIED:
		return (struct problem){ 403, "denied", NULL };
	case ERR_ABSENT:
		return (struct problem){ 503, "absent", NULL };
	case OK:
	case ERR_CANCELLED:
	case ERR_DB:
	case ERR_IO:
	case ERR_MODEL:
	case ERR_DEVICE:
		break;
	}
	return (struct problem){
		500, "internal", "an internal error; the server's log has it under this request_id"
	};
}

static const struct {
	int status;
	const char *title, *type; /* type: of the error member, as OpenAI's clients know it */
} statuses[] = {
	{ 400, "Bad Request", "invalid_request_error" },
	{ 401, "Unauthorized", "authentication_error" },
	{ 403, "Forbidden", "permission_error" },
	{ 404, "Not Found", "not_found_error" },
	{ 405, "Method Not Allowed", "invalid_request_error" },
	{ 409, "Conflict", "conflict_error" },
	{ 411, "Length Required", "invalid_request_error" },
	{ 413, "Content Too Large", "invalid_request_error" },
	{ 414, "URI Too Long", "invalid_request_error" },
	{ 415, "Unsupported Media Type", "invalid_request_error" },
	{ 416, "Range Not Satisfiable", "invalid_request_error" },
	{ 422, "Unprocessable Content", "invalid_request_error" },
	{ 429, "Too Many Requests", "rate_limit_error" },
	{ 500, "Internal Server Error", "server_error" },
	{ 502, "Bad Gateway", "server_error" },
	{ 503, "Service Unavailable", "server_error" },
	{ 507, "Insufficient Storage", "server_error" },
};

static size_t status_row(int status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return i;
	return status_row(500);
}

/* What the first fault is about, as OpenAI's param: "#/args/seed" → "args.seed", "?/limit" →
 * "limit". */
static json_t *param_of(const json_t *errors)
{
	const char *pointer =
		json_string_value(json_object_get(json_array_get(errors, 0), "pointer"));
	char param[FIELDS_POINTER_SIZE];

	if (!pointer || strlen(pointer) < 3 || strlen(pointer) >= sizeof(param))
		return json_null();
	memcpy(param, pointer + 2, strlen(pointer + 2) + 1);
	for (char *c = param; *c; c++)
		if (*c == '/')
			*c = '.';
	return json_string(param);
}

/* detail that was cut inside a character, or came from elsewhere, is no JSON string: "?" for each
 * odd byte. */
static json_t *text_json(const char *s)
{
	json_t *text = json_string(s);

	if (text)
		return text;
	char ascii[sizeof(((struct errinfo *)NULL)->msg)];
	size_t n = 0;
	for (; s[n] && n < sizeof(ascii) - 1; n++)
		ascii[n] = (unsigned char)s[n] < 0x80 ? s[n] : '?';
	ascii[n] = '\0';
	return json_string(ascii);
}

/* Whatever the handler had begun to say is dropped. */
static void restart(struct web_res *rs)
{
	struct web_later *later = rs->later;
	const struct web_req *rq = rs->rq;

	rs->later = NULL;
	web_res_clear(rs);
	rs->later = later;
	rs->rq = rq;
}

/* errors may be NULL; borrowed. */
static void write_problem(const struct web_req *rq, struct web_res *rs, int status,
			  const char *code, const char *detail, json_t *errors)
{
	size_t row = status_row(status);
	char type[96];

	restart(rs);
	snprintf(type, sizeof(type), "urn:bertd:problem:%s", code);
	json_t *body = json_pack("{s:s, s:s, s:i, s:o, s:s, s:s}", "type", type, "title",
				 statuses[row].title, "status", status, "detail", text_json(detail),
				 "code", code, "request_id", rq->request_id);
	if (errors)
		json_object_set(body, "errors", errors);
	json_object_set_new(body, "error",
			    json_pack("{s:o, s:s, s:o, s:s}", "message", text_json(detail), "type",
				      statuses[row].type, "param", param_of(errors), "code", code));
	web_json(rs, status, body);
	rs->content_type = "application/problem+json";
	if (status == 503 || status == 429)
		web_header_add(rs, "Retry-After", "%s", RETRY_AFTER);
	if (status == 401)
		web_header_add(rs, "WWW-Authenticate", "Bearer");
}

void web_fail(const struct web_req *rq, struct web_res *rs, enum err e, const struct errinfo *ei)
{
	struct problem p = problem_of(e);

	if (p.general)
		log_error("request_failed", "request_id=%s code=%s detail=%s", rq->request_id,
			  err_name(e), log_q(ei->msg));
	write_problem(rq, rs, p.status, p.code, p.general ? p.general : ei->msg, NULL);
}

void web_fail_faults(const struct web_req *rq, struct web_res *rs, const char *detail,
		     const struct faults *faults)
{
	struct problem p = problem_of(ERR_INVALID);

	write_problem(rq, rs, p.status, p.code, detail, faults->list);
}

void web_problem(const struct web_req *rq, struct web_res *rs, int status, const char *code,
		 const char *fmt, ...)
{
	struct errinfo ei;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ei.msg, sizeof(ei.msg), fmt, ap);
	va_end(ap);
	write_problem(rq, rs, status, code, ei.msg, NULL);
}
