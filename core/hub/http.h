/* One download over HTTP, within the rules for where it may go. http.c is the only file that
 * includes curl; url.c reads URLs, head.c the heads of responses, address.c judges addresses. From
 * any thread; blocks. SIGPIPE has to be ignored in the process.
 *
 * The rules: https only, and http to the hosts of the policy; redirects are followed here, at most
 * three, each hop checked like the first; the address of every connection is checked when it is
 * made, so that no name, redirect or second answer of DNS leads to a private network; no proxy but
 * the policy's; no cookies, no .netrc; nothing is decompressed, and a response with a
 * Content-Encoding is refused; bodies, headers and times are bounded. Servers prove who they are
 * with certificates of the system's authorities, or of those in the file that CURL_CA_BUNDLE or
 * SSL_CERT_FILE name.
 *
 * With a proxy it is the proxy that resolves names and connects: what is judged here is then the
 * host (allow_host) and an address or localhost in the URL itself; that the names of private
 * machines lead nowhere has to be a rule of the proxy. The proxy's own address, which the operator
 * has chosen, is not judged. */
#ifndef BERTD_HUB_HTTP_H
#define BERTD_HUB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "hub/address.h"

#define HTTP_MAX_REDIRECTS 3
#define HTTP_MAX_URL	   4096
#define HTTP_HOST_SIZE	   256	      /* of a host with its terminator */
#define HTTP_MAX_HEADERS   (64 << 10) /* bytes of one hop's heads and trailers */
#define HTTP_MIN_SPEED	   100	      /* bytes a second, over stall_timeout_s */

struct http_response;

/* Read-only while in use; may be shared. */
struct http_policy {
	/* "HOST, HOST:PORT, …" that may be spoken to without TLS, HOST on every port; or NULL */
	const char *http_hosts;
	const struct networks *private_networks; /* that may be reached all the same; or NULL */
	/* "http://[USER:PASSWORD@]HOST:PORT"; or NULL or "": none, whatever the environment says */
	const char *proxy;
	const char *user_agent;
	long connect_timeout_s; /* 0: 10 */
	/* Fewer than HTTP_MIN_SPEED bytes a second for so long, or no head: ERR_NETWORK; 0: 30 */
	long stall_timeout_s;
	long total_timeout_s; /* of one http_get; 0: 24 h */
};

struct http_request {
	const char *url;
	const char *token;    /* sent as "Authorization: Bearer …" to the scheme, host and port of
				 url only, never to where a redirect leads nor to what comes after
				 one that left them; or NULL */
	int64_t range_from;   /* above 0: "Range: bytes=N-" */
	const char *if_range; /* an ETag for it, as http_response has it; or NULL */
	const char *if_none_match; /* likewise: the answer may be 304, without a body; or NULL */
	int64_t max_bytes;	   /* of the body: ERR_TOO_LARGE, before it is read where the length
				      is announced */
	/* Every hop's host, as http_check_url gives it: false refuses it (ERR_DENIED). NULL: any.
	 */
	bool (*allow_host)(void *ctx, const char *host);
	/* The head of the final response, before its body; an error ends the transfer with it.
	 * NULL: not asked. */
	enum err (*begin)(void *ctx, const struct http_response *head, struct errinfo *ei);
	/* The next bytes of the final response's body, when its status is 2xx. NULL: dropped. */
	enum err (*body)(void *ctx, const void *data, size_t n, struct errinfo *ei);
	/* Asked several times a second, also while nothing comes; true: ERR_CANCELLED. NULL: never.
	 */
	bool (*cancelled)(void *ctx);
	void *ctx;
};

/* Of the final response, but for commit and the linked_ ones, which are taken from the first hop
 * that has them (the Hub redirects to its storage and says what it is in the redirect). Strings are
 * "" where absent, too long, or with other than visible ASCII in them; what they say is unchecked.
 */
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
	int64_t retry_after_s; /* of Retry-After in seconds; -1: absent, or a date */
	bool accepts_ranges;
};

/* OK: a final response came, whatever its status; *out says which. Bodies of other than 2xx are
 * dropped. A 206 is what was asked for: its range begins at range_from.
 *
 * ERR_INVALID for a URL that is none or not allowed by scheme, a token or an ETag with other than
 * visible ASCII in it; ERR_DENIED for a host or an address that may not be reached, and for a
 * redirect to what would be ERR_INVALID; ERR_TOO_LARGE for a body or head; ERR_CANCELLED;
 * ERR_NETWORK for everything that may go better next time (refused, reset, cut short, stalled, TLS,
 * no HTTP, too many redirects); ERR_UNSUPPORTED for an encoded body; else what begin and body
 * returned. *out is written in each case: what was learnt until then. Messages name the host, never
 * the query or a token. */
enum err http_get(const struct http_policy *policy, const struct http_request *rq,
		  struct http_response *out, struct errinfo *ei) MUST_USE;

/* Whether http_get may take url, as far as can be told without asking anybody (url_parse and
 * url_allowed in url.h say how strictly). ERR_INVALID says what is wrong; ERR_DENIED for an address
 * that may not be reached. host gets the host in lower case, an IPv6 address without brackets; it
 * may be NULL. Pure. */
enum err http_check_url(const struct http_policy *policy, const char *url,
			char host[HTTP_HOST_SIZE], struct errinfo *ei) MUST_USE;

/* Whether http_hosts and proxy have the form that is said above. ERR_INVALID. Pure. */
enum err http_check_policy(const struct http_policy *policy, struct errinfo *ei) MUST_USE;

#endif
