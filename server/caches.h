/* What the daemon keeps of the work of others and of its own: downloads and encoded data sets. */
#ifndef BERTD_SERVER_CACHES_H
#define BERTD_SERVER_CACHES_H

#include "app.h"

struct caches {
	struct networks *private_networks;
	struct fetch *fetch;
	struct token_cache *tokens;
};

/* Opens both as the configuration says, and puts them into app->places. ERR_INVALID names the
 * option; ERR_IO. On an error, too, caches_close is due. */
enum err caches_open(struct app *app, const struct config *c, struct caches *out,
		     struct errinfo *ei) MUST_USE;
void caches_close(struct caches *k);

#endif
