/* What fetch.c, fetch_model.c and fetch_file.c share. */
#ifndef BERTD_HUB_FETCH_IMPL_H
#define BERTD_HUB_FETCH_IMPL_H

#include "hub/cache.h"
#include "hub/download.h"
#include "hub/fetch.h"
#include "hub/names.h"
#include "hub/remote.h"
#include "hub/repo.h"

struct fetch {
	struct fetch_config config; /* its strings and those of the policy belong to it */
	struct cache *cache;
};

/* One call on a repository. */
struct fetch_call {
	struct fetch *f;
	const char *source; /* as it was asked for */
	struct fetch_how how;
	struct remote remote;
	struct repo_name repo;
	char *folder;
};

void fetch_call_init(struct fetch_call *c, struct fetch *f, const char *source,
		     const struct fetch_how *how);
void fetch_call_clear(struct fetch_call *c);

/* The words for what is not there and may not be asked for: ERR_NOT_FOUND when offline, else
 * ERR_ABSENT. */
enum err fetch_not_cached(const struct fetch_call *c, struct errinfo *ei);
/* Whether the network may not be asked. */
bool fetch_is_cached_only(const struct fetch_call *c);

/* Where a file of the repository at that commit or revision comes from. */
struct fetch_place {
	const struct fetch_call *call;
	const char *path;
	char *url;
	struct remote_source source;
};
void fetch_place_init(struct fetch_place *p, const struct fetch_call *c, const char *revision,
		      const char *path);
void fetch_place_clear(struct fetch_place *p);

/* Downloads what file says from there to a whole and checked file in incomplete/; *part is its
 * path, a new string. prefix: of its name there. */
enum err fetch_download(const struct fetch_call *c, const struct remote_source *source,
			struct repo_file *file, const char *label, const char *prefix,
			int64_t max_bytes, char **part, char sha256[SHA256_HEX_SIZE],
			struct errinfo *ei) MUST_USE;

/* As fetch_file, for an https:// URL that fetch_check_url takes. */
enum err fetch_web_file(struct fetch *f, const char *url, const struct fetch_how *how, char **path,
			char *sha256, struct errinfo *ei) MUST_USE;

#endif
