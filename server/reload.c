/* HUP: see reload.h. */
#include "reload.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "keys.h"

/* Kept to the end, a few hundred bytes a reload: a request may be reading the one before. */
struct reloaded {
	struct config config;
	struct keys *keys;
	struct reloaded *next;
};

/* Gives next the values of the options that cannot change. */
static void keep_fixed(struct config *next, const struct config *running)
{
	for (const struct field *row = config_options; row->name; row++) {
		if (config_is_live(row) || config_equal(next, running, row))
			continue;
		log_warn("restart_needed", "option=%s", row->name);
		config_take(next, running, row);
	}
}

static enum err load(const struct reload *r, const struct config *running, struct reloaded *next,
		     struct errinfo *ei)
{
	enum config_action action;
	struct errinfo why;
	enum err e = config_load(r->argc, r->argv, r->env, stdout, &next->config, &action, ei);

	if (e != OK)
		return e;
	keep_fixed(&next->config, running);
	e = config_check(&next->config, ei);
	if (e == OK && running->api_keys_file) {
		e = keys_load(running->api_keys_file, &next->keys, &why);
		if (e != OK)
			(void)err_set(ei, e, "api_keys_file: %s: %s", running->api_keys_file,
				      why.msg);
	}
	if (e != OK)
		config_clear(&next->config);
	return e;
}

void reload_run(struct reload *r, struct app *app)
{
	struct reloaded *next = mem_zalloc(1, sizeof(*next));
	struct errinfo ei;

	if (load(r, app->config, next, &ei) != OK) {
		log_error("reload_failed", "error=%s", log_q(ei.msg));
		free(next);
		return;
	}
	next->next = r->list;
	r->list = next;
	app->config = &next->config;
	app->keys = next->keys;
	log_set_level((enum log_level)next->config.log_level);
	log_info("reloaded", "keys=%d", next->keys ? keys_count(next->keys) : 0);
}

void reload_clear(struct reload *r)
{
	struct reloaded *next;

	for (struct reloaded *it = r->list; it; it = next) {
		next = it->next;
		config_clear(&it->config);
		keys_free(it->keys);
		free(it);
	}
	r->list = NULL;
}
