/* HUP: configuration and API keys are read again from where they came from at start.
 *
 * Options that can change in a running daemon (config_is_live) and the keys take effect together;
 * of the others a difference is logged. Whatever is wrong leaves everything as it was, with one
 * line in the log. The service manager hears of the begin and the end. Main thread; other threads
 * see the change through app->config and app->keys, whose earlier values stay until reload_clear.
 */
#ifndef BERTD_SERVER_RELOAD_H
#define BERTD_SERVER_RELOAD_H

#include "app.h"

struct reload {
	int argc;
	char *const *argv, *const *env; /* of main */
	struct reloaded *list;		/* all that came since the start */
};

void reload_run(struct reload *r, struct app *app);
/* When no other thread is left. */
void reload_clear(struct reload *r);

#endif
