/* Downloads and encoded data sets: see caches.h. */
#include "caches.h"

#include <stdlib.h>

#include "base/mem.h"
#include "jobs/token_cache.h"

static enum err open_fetch(const struct config *c, struct caches *k, struct errinfo *ei)
{
	char *dir = mem_printf("%s/hub", c->data_dir);
	struct fetch_config fetch;

	config_fetch(c, k->private_networks, &fetch);
	fetch.dir = dir;
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
	*out = (struct caches){ 0 };
	enum err e = config_networks(c, &out->private_networks, ei);
	if (e == OK)
		e = open_fetch(c, out, ei);
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
