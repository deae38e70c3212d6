/* Downloads and encoded data sets: see caches.h. */
#include "caches.h"

#include <stdlib.h>

#include "base/mem.h"
#include "hub/fetch.h"
#include "jobs/token_cache.h"
#include "version.h"

static enum err open_fetch(const struct config *c, struct caches *k, struct errinfo *ei)
{
	char *dir = mem_printf("%s/hub", c->data_dir);
	struct fetch_config fetch = { .dir = dir,
				      .endpoint = c->hf_endpoint,
				      .token = c->hf_token,
				      .offline = c->offline,
				      .data_hosts = c->data_hosts,
				      .policy = { .http_hosts = c->http_hosts,
						  .private_networks = k->private_networks,
						  .proxy = c->proxy,
						  .user_agent = bertd_agent },
				      .max_file_bytes = c->max_download_bytes,
				      .max_cache_bytes = c->max_hub_bytes,
				      .min_free_bytes = c->min_free_bytes };
	enum err e = fetch_open(&fetch, &k->fetch, ei);

	free(dir);
	return e;
}

static void open_tokens(const struct places *p, const struct config *c, struct caches *k)
{
	char *dir = places_tokens(p);

	k->tokens = token_cache_new(&(struct token_cache_config){
		.dir = dir, .max_bytes = c->max_tokens_bytes, .threads = (int)c->threads });
	free(dir);
}

enum err caches_open(struct app *app, const struct config *c, struct caches *out,
		     struct errinfo *ei)
{
	struct errinfo why;

	*out = (struct caches){ 0 };
	if (networks_parse(c->private_networks, &out->private_networks, &why) != OK)
		return err_set(ei, ERR_INVALID, "private_networks: %s", why.msg);
	enum err e = open_fetch(c, out, ei);
	if (e == OK)
		open_tokens(&app->places, c, out);
	app->places.fetch = out->fetch;
	app->places.tokens = out->tokens;
	return e;
}

void caches_close(struct caches *k)
{
	token_cache_free(k->tokens);
	fetch_close(k->fetch);
	networks_free(k->private_networks);
	*k = (struct caches){ 0 };
}
