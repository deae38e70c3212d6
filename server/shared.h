/* What several resources do alike. */
#ifndef BERTD_SERVER_SHARED_H
#define BERTD_SERVER_SHARED_H

#include <stdbool.h>

#include "jobs/places.h"
#include "web.h"

/* Whether new work may be stored now. false: rs already holds 503 (draining) or 507 (disk below the
 * mark). */
bool api_accepts_work(struct app *app, const struct web_req *rq, struct web_res *rs);

/* The model a request names, or the server's default when name is NULL. false: rs already holds the
 * problem. */
bool api_find_model(struct app *app, const struct web_req *rq, struct web_res *rs, const char *name,
		    struct model_place *out);

/* The resource of a model that was found, a new object. ERR_NOT_FOUND when it is gone, or when the
 * folder of a base model holds no BERT that can be read. (api_models.c) */
enum err api_model_json(struct app *app, const struct model_place *place, json_t **out,
			struct errinfo *ei) MUST_USE;

/* Unloads a finished model whose row is gone, and removes its folder. */
void api_forget_model(struct app *app, const struct web_req *rq, const char *model_id);

/* Removes a file or folder whose row is gone. A failure is logged: the sweep at the next start
 * tries again. */
void api_remove_tree(const struct web_req *rq, const char *path);

#endif
