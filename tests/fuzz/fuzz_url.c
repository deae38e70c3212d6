/* libFuzzer: any text as a URL, and behind a line end as a Location that it answered with. What is
 * read reads the same again, and curl finds the same host and port in it. */
#include "hub/url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_with_curl(const struct url *u)
{
	char *host, *port, *scheme, want[HTTP_HOST_SIZE + 2];
	CURLU *c = curl_url();

	BUG_ON(curl_url_set(c, CURLUPART_URL, u->text, CURLU_DISALLOW_USER) != CURLUE_OK);
	BUG_ON(curl_url_get(c, CURLUPART_HOST, &host, 0) != CURLUE_OK);
	BUG_ON(curl_url_get(c, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK);
	BUG_ON(curl_url_get(c, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK);
	snprintf(want, sizeof(want), strchr(u->host, ':') ? "[%s]" : "%s", u->host);
	BUG_ON(strcmp(host, want) != 0 || atoi(port) != u->port);
	BUG_ON(strcmp(scheme, u->tls ? "https" : "http") != 0);
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_url_cleanup(c);
}

/* A name that the resolver would take for an address was not let through as a name. */
static void check_name(const struct url *u)
{
	struct in_addr a;

	BUG_ON(!u->is_address && inet_aton(u->host, &a));
}

static void check_policy(const struct url *u)
{
	struct http_policy nothing = { 0 };
	enum err e = url_allowed(u, &nothing, NULL);
	struct sockaddr_storage a;

	BUG_ON(e == OK && !u->tls);
	BUG_ON(e == OK && address_read(u->host, &a) && !address_is_public((struct sockaddr *)&a));
}

static void check(const struct url *u)
{
	struct url again;

	if (strlen(u->text) <= HTTP_MAX_URL) {
		BUG_ON(url_parse(u->text, &again, NULL) != OK);
		BUG_ON(strcmp(u->text, again.text) != 0 || u->path != again.path);
		BUG_ON(!url_same_origin(u, &again) || u->is_address != again.is_address);
	}
	BUG_ON(u->text[u->path] != '/' || u->port < 1 || u->port > 65535);
	check_with_curl(u);
	check_name(u);
	check_policy(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_dup(data, size), *location = strchr(text, '\n');
	struct url u, to;

	if (location)
		*location++ = '\0';
	if (url_parse(text, &u, NULL) == OK) {
		check(&u);
		if (location && url_resolve(&u, location, &to, NULL) == OK)
			check(&to);
	}
	if (url_check_hosts(text, NULL) != OK)
		BUG_ON(*text == '\0');
	free(text);
	return 0;
}
