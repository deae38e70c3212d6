/* HUP: see reload.h. */
#include "reload.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "keys.h"
#include "notify.h"

/* Kept to the end, a few hundred bytes a reload: a request may be reading the one before. */
struct reloaded {
	struct config config;
	struct keys *keys;
	struct reloaded *next;
};

#define MAX_OPTIONS 64

/* Gives next the values of the options that cannot change. wanted: those that were to, by row. */
static void keep_fixed(struct config *next, const struct config *running, bool *wanted)
{
	for (int i = 0; config_options[i].name; i++) {
		const struct field *row = &config_options[i];
		BUG_ON(i == MAX_OPTIONS);
		wanted[i] = !config_is_live(row) && !config_equal(next, running, row);
		if (wanted[i])
			config_take(next, running, row);
	}
}

static enum err load(const struct reload *r, const struct config *running, struct reloaded *next,
		     bool *wanted, struct errinfo *ei)
{
	enum config_action action;
	struct errinfo why;
	enum err e = config_load(r->argc, r->argv, r->env, stdout, &next->config, &action, ei);

	if (e != OK)
		return e;
	keep_fixed(&next->config, running, wanted);
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

static void run(struct reload *r, struct app *app)
{
	struct reloaded *next = mem_zalloc(1, sizeof(*next));
	bool wanted[MAX_OPTIONS];
	struct errinfo ei;

	if (load(r, app->config, next, wanted, &ei) != OK) {
		log_error("reload_failed", "error=%s", log_q(ei.msg));
		free(next);
		return;
	}
	next->next = r->list;
	r->list = next;
	app->config = &next->config;
	app->keys = next->keys;
	log_set_level((enum log_level)next->config.log_level);
	for (int i = 0; config_options[i].name; i++)
		if (wanted[i])
			log_warn("restart_needed", "option=%s", config_options[i].name);
	log_info("reloaded", "keys=%d", next->keys ? keys_count(next->keys) : 0);
}

void reload_run(struct reload *r, struct app *app)
{
	notify_reloading();
	run(r, app);
	notify_send("READY=1");
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
