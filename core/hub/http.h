/* One download over HTTP, within the rules for where it may go. http.c is the only file that
 * includes curl. From any thread; blocks.
 *
 * The rules: https only, and http to the hosts of the policy; redirects are followed here, at most
 * three, each hop checked like the first; the address of every connection is checked when it is
 * made, so that no name, redirect or second answer of DNS leads to a private network; no proxy but
 * the policy's; nothing is decompressed, and a response with a Content-Encoding is refused; bodies,
 * headers and times are bounded. */
#ifndef BERTD_HUB_HTTP_H
#define BERTD_HUB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "hub/address.h"

#define HTTP_MAX_REDIRECTS 3
#define HTTP_MAX_URL	   4096
#define HTTP_MAX_HEADERS   (64 << 10) /* bytes of one response's head */

struct http_response;

/* Read-only while in use; may be shared. */
struct http_policy {
	const char
		*http_hosts; /* "HOST, HOST:PORT, …" that may be spoken to without TLS; or NULL */
	const struct networks *private_networks; /* that may be reached all the same; or NULL */
	const char *proxy;			 /* or NULL: none, whatever the environment says */
	const char *user_agent;
	long connect_timeout_s; /* 0: 10 */
	long stall_timeout_s;	/* without a byte for so long: ERR_NETWORK; 0: 30 */
	long total_timeout_s;	/* of one http_get; 0: 24 h */
};

struct http_request {
	const char *url;
	const char *token;    /* sent as "Authorization: Bearer …" to the scheme, host and port of
				 url only, never to where a redirect leads; or NULL */
	int64_t range_from;   /* above 0: "Range: bytes=N-" */
	const char *if_range; /* an ETag for it, or NULL */
	int64_t max_bytes;    /* of the body: ERR_TOO_LARGE, before it is read where the length is
				 announced */
	/* Every hop's host: false refuses it (ERR_DENIED). NULL: any. */
	bool (*allow_host)(void *ctx, const char *host);
	/* The head of the final response, before its body; an error ends the transfer with it.
	 * NULL: not asked. */
	enum err (*begin)(void *ctx, const struct http_response *head, struct errinfo *ei);
	/* The next bytes of the final response's body, when its status is 2xx. */
	enum err (*body)(void *ctx, const void *data, size_t n, struct errinfo *ei);
	/* Asked several times a second, also while nothing comes; true: ERR_CANCELLED. NULL: never.
	 */
	bool (*cancelled)(void *ctx);
	void *ctx;
};

/* Of the final response, but for commit and the linked_ ones, which are taken from the first hop
 * that has them (the Hub redirects to its storage and says what it is in the redirect). Strings are
 * "" where absent. */
struct http_response {
	int status;
	int64_t content_length; /* -1: not announced */
	int64_t range_from;	/* of Content-Range in a 206; -1 */
	int64_t range_total;	/* likewise; -1 */
	char etag[160];		/* with neither quotes nor W/ */
	char commit[72];	/* X-Repo-Commit */
	char linked_etag[160];	/* X-Linked-Etag, likewise: the SHA-256 of a large file */
	int64_t linked_size;	/* X-Linked-Size; -1 */
	char error_code[64]; /* X-Error-Code: "GatedRepo", "RepoNotFound", "RevisionNotFound", … */
	int64_t retry_after_s; /* of Retry-After in seconds; -1 */
	bool accepts_ranges;
};

/* OK: a final response came, whatever its status; *out says which. Bodies of other than 2xx are
 * dropped. ERR_INVALID for a URL that is none or not allowed by scheme, ERR_DENIED for a host or an
 * address that may not be reached, ERR_TOO_LARGE, ERR_CANCELLED, ERR_NETWORK for everything that
 * may go better next time (refused, reset, cut short, stalled, TLS), ERR_UNSUPPORTED for an encoded
 * body; else what begin and body returned. Messages name the host, never the query or a token. */
enum err http_get(const struct http_policy *policy, const struct http_request *rq,
		  struct http_response *out, struct errinfo *ei) MUST_USE;

/* Whether url has the form of one that http_get may take (scheme, host, no user, no control
 * characters, length), without asking anybody. ERR_INVALID says what is wrong. host gets the host
 * in lower case, an IPv6 address without brackets. Pure. */
enum err http_check_url(const struct http_policy *policy, const char *url, char *host,
			size_t host_size, struct errinfo *ei) MUST_USE;

#endif
