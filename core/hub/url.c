/* URLs, read strictly: see url.h. */
#include "hub/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEX	   "0123456789abcdef"
#define DIGITS	   "0123456789"
#define HOST_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-_"

static enum err check_characters(const char *text, struct errinfo *ei)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p > 0x20 && *p < 0x7f && *p != '\\')
			continue;
		return err_set(ei, ERR_INVALID, "the URL has %s in it",
			       *p == '\\'  ? "a backslash"
			       : *p == ' ' ? "a space"
			       : *p > 0x7e ? "a character outside of ASCII, or DEL"
					   : "a control character");
	}
	return OK;
}

/* Resolvers take a name for an address when its last label is a number in decimal, octal or hex. */
static bool ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.'), *last = dot ? dot + 1 : host;

	if (strncmp(last, "0x", 2) == 0)
		return last[2 + strspn(last + 2, HEX)] == '\0';
	return last[strspn(last, DIGITS)] == '\0';
}

static bool is_name(const char *host)
{
	for (const char *label = host;; label++) {
		size_t n = strspn(label, HOST_CHARS);
		if (n == 0 || n > 63 || *label == '-' || label[n - 1] == '-')
			return false;
		label += n;
		if (*label != '.')
			return *label == '\0' && strlen(host) <= 253 && !ends_in_number(host);
	}
}

/* host is in lower case, without brackets. */
static enum err read_host(struct url *u, bool bracketed, struct errinfo *ei)
{
	struct sockaddr_storage a;

	u->is_address = address_read(u->host, &a);
	if (u->is_address && (a.ss_family == AF_INET6) == bracketed) {
		const void *bytes = bracketed ? (void *)&((struct sockaddr_in6 *)&a)->sin6_addr
					      : (void *)&((struct sockaddr_in *)&a)->sin_addr;
		inet_ntop(a.ss_family, bytes, u->host, sizeof(u->host));
		return OK;
	}
	if (!u->is_address && !bracketed && is_name(u->host))
		return OK;
	return err_set(ei, ERR_INVALID, "the URL's host is neither a host name nor an address");
}

static enum err copy_host(struct url *u, const char *host, size_t n, struct errinfo *ei)
{
	bool bracketed = n >= 2 && host[0] == '[' && host[n - 1] == ']';

	if (bracketed) {
		host++;
		n -= 2;
	}
	if (n == 0)
		return err_set(ei, ERR_INVALID, "the URL has no host");
	if (n >= sizeof(u->host))
		return err_set(ei, ERR_INVALID, "the URL's host is longer than 253 characters");
	for (size_t i = 0; i < n; i++)
		u->host[i] = (char)tolower((unsigned char)host[i]);
	u->host[n] = '\0';
	return read_host(u, bracketed, ei);
}

/* "" or ":PORT" up to end. */
static enum err read_port(struct url *u, const char *at, const char *end, struct errinfo *ei)
{
	size_t n = (size_t)(end - at);

	u->port = u->tls ? 443 : 80;
	if (n == 0)
		return OK;
	if (*at == ':' && n >= 2 && n <= 6 && 1 + strspn(at + 1, DIGITS) == n)
		u->port = atoi(at + 1);
	else
		u->port = 0;
	if (u->port < 1 || u->port > 65535)
		return err_set(ei, ERR_INVALID, "the URL's port must be 1 to 65535");
	return OK;
}

static enum err read_authority(struct url *u, const char *at, size_t n, struct errinfo *ei)
{
	const char *end = at + n, *colon;

	if (memchr(at, '@', n))
		return err_set(ei, ERR_INVALID, "the URL must not name a user");
	if (n && *at == '[') {
		const char *close = memchr(at, ']', n);
		colon = close ? close + 1 : end;
	} else {
		colon = memchr(at, ':', n);
	}
	if (!colon)
		colon = end;
	enum err e = copy_host(u, at, (size_t)(colon - at), ei);
	return e != OK ? e : read_port(u, colon, end, ei);
}

static void write_text(struct url *u, const char *rest, size_t n)
{
	const char *format = strchr(u->host, ':') ? "%s://[%s]" : "%s://%s";
	size_t room = sizeof(u->text);
	int at = snprintf(u->text, room, format, u->tls ? "https" : "http", u->host);

	if (u->port != (u->tls ? 443 : 80))
		at += snprintf(u->text + at, room - (size_t)at, ":%d", u->port);
	u->path = (size_t)at;
	snprintf(u->text + at, room - (size_t)at, "%s%.*s", *rest == '/' ? "" : "/", (int)n, rest);
}

enum err url_parse(const char *text, struct url *out, struct errinfo *ei)
{
	struct url u = { 0 };
	enum err e = OK;

	if (strlen(text) > HTTP_MAX_URL)
		return err_set(ei, ERR_INVALID, "the URL is longer than %d bytes", HTTP_MAX_URL);
	e = check_characters(text, ei);
	u.tls = strncasecmp(text, "https://", 8) == 0;
	if (e == OK && !u.tls && strncasecmp(text, "http://", 7) != 0)
		e = err_set(ei, ERR_INVALID, "the URL must begin with https://");
	if (e != OK)
		return e;
	const char *at = text + (u.tls ? 8 : 7);
	size_t n = strcspn(at, "/?#");
	e = read_authority(&u, at, n, ei);
	if (e != OK)
		return e;
	write_text(&u, at + n, strcspn(at + n, "#"));
	*out = u;
	return OK;
}

static bool has_scheme(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || (n && s[n] && strchr("+-.", s[n])))
		n++;
	return n && isalpha((unsigned char)*s) && s[n] == ':';
}

enum err url_resolve(const struct url *base, const char *location, struct url *out,
		     struct errinfo *ei)
{
	char text[2 * HTTP_MAX_URL + 16];
	size_t keep = base->path;

	if (strlen(location) > HTTP_MAX_URL)
		return err_set(ei, ERR_INVALID, "the URL is longer than %d bytes", HTTP_MAX_URL);
	if (*location == '\0' || *location == '#')
		return err_set(ei, ERR_INVALID, "the URL is empty");
	if (has_scheme(location))
		return url_parse(location, out, ei);
	if (strncmp(location, "//", 2) == 0)
		keep = strlen(base->tls ? "https:" : "http:");
	else if (*location != '/')
		keep += strcspn(base->text + keep, "?");
	if (*location != '/' && *location != '?')
		while (base->text[keep - 1] != '/')
			keep--;
	snprintf(text, sizeof(text), "%.*s%s", (int)keep, base->text, location);
	return url_parse(text, out, ei);
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool entry_is(const char *entry, size_t n, const char *text)
{
	return strlen(text) == n && strncasecmp(entry, text, n) == 0;
}

/* Whether list has the host, or the host with the port. */
static bool hosts_have(const char *list, const struct url *u)
{
	const char *format = strchr(u->host, ':') ? "[%s]" : "%s";
	char host[HTTP_HOST_SIZE + 2], with_port[HTTP_HOST_SIZE + 10];

	snprintf(host, sizeof(host), format, u->host);
	snprintf(with_port, sizeof(with_port), "%s:%d", host, u->port);
	while (list && *list) {
		list += strspn(list, ", \t");
		size_t n = strcspn(list, ", \t");
		if (entry_is(list, n, host) || entry_is(list, n, with_port))
			return true;
		list += n;
	}
	return false;
}

enum err url_check_hosts(const char *list, struct errinfo *ei)
{
	char text[HTTP_HOST_SIZE + 32];
	struct url u;

	while (list && *list) {
		list += strspn(list, ", \t");
		int n = (int)strcspn(list, ", \t");
		if (n == 0)
			break;
		snprintf(text, sizeof(text), "http://%.*s", n < HTTP_HOST_SIZE ? n : HTTP_HOST_SIZE,
			 list);
		if (strcspn(text + 7, "/?#") != (size_t)n || url_parse(text, &u, NULL) != OK)
			return err_set(ei, ERR_INVALID,
				       "http_hosts: \"%.*s\" is neither HOST nor HOST:PORT",
				       n < 80 ? n : 80, list);
		list += n;
	}
	return OK;
}

static bool is_localhost(const char *host)
{
	size_t n = strlen(host), m = strlen("localhost");

	return n >= m && strcmp(host + n - m, "localhost") == 0 &&
	       (n == m || host[n - m - 1] == '.');
}

bool url_by_proxy(const struct http_policy *policy)
{
	return policy->proxy && *policy->proxy;
}

enum err url_allowed(const struct url *u, const struct http_policy *policy, struct errinfo *ei)
{
	struct sockaddr_storage a;
	bool known = u->is_address || (url_by_proxy(policy) && is_localhost(u->host));

	if (!u->tls && !hosts_have(policy->http_hosts, u))
		return err_set(ei, ERR_INVALID,
			       "the URL must begin with https://: %s is not one of http_hosts",
			       u->host);
	if (!known)
		return OK;
	BUG_ON(!address_read(u->is_address ? u->host : "127.0.0.1", &a));
	if (address_is_public((struct sockaddr *)&a) ||
	    networks_contain(policy->private_networks, (struct sockaddr *)&a))
		return OK;
	return err_set(ei, ERR_DENIED,
		       "the address of %s is not public, and not in private_networks", u->host);
}
