/* URLs of http and https, read strictly, so that nobody after us can read them another way. Used by
 * http.c. Pure. */
#ifndef BERTD_HUB_URL_H
#define BERTD_HUB_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "hub/http.h"

/* A URL in the one form that is given to curl: scheme and host in lower case, an address as
 * inet_ntop writes it, no port that goes without saying, a path, no fragment. */
struct url {
	char text[HTTP_MAX_URL + 8];
	size_t path;		   /* where in text the path begins: before it stands the origin */
	char host[HTTP_HOST_SIZE]; /* an IPv6 address without brackets */
	int port;
	bool tls;
	bool is_address; /* the host is an address, no name */
};

/* Reads text. ERR_INVALID says what is wrong: another scheme, a user, a host that is neither a name
 * of letters, digits, "-" and "_" nor an address as address_read takes it (a name that ends in a
 * number is none, since resolvers take such for addresses), a port outside of 1..65535, spaces,
 * control characters, backslashes or non-ASCII anywhere, more than HTTP_MAX_URL bytes. */
enum err url_parse(const char *text, struct url *out, struct errinfo *ei) MUST_USE;

/* Reads a Location that base answered with (RFC 3986, section 5.2; dot segments are left to curl).
 * Errors as url_parse. out must not be base. */
enum err url_resolve(const struct url *base, const char *location, struct url *out,
		     struct errinfo *ei) MUST_USE;

/* Whether scheme, host and port are the same. */
bool url_same_origin(const struct url *a, const struct url *b);

/* Whether the policy lets it be asked for, as far as can be told before its name is resolved.
 * ERR_INVALID: http and not in http_hosts. ERR_DENIED: an address that is neither public nor in
 * private_networks; with a proxy, "localhost" counts as one. */
enum err url_allowed(const struct url *u, const struct http_policy *policy,
		     struct errinfo *ei) MUST_USE;

/* Whether the policy has a proxy. */
bool url_by_proxy(const struct http_policy *policy);

/* Whether each entry of a list of "HOST, HOST:PORT" is one. NULL and "" are. */
enum err url_check_hosts(const char *list, struct errinfo *ei) MUST_USE;

#endif
