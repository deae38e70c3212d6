/* What cache.c and evict.c share. */
#ifndef BERTD_HUB_CACHE_IMPL_H
#define BERTD_HUB_CACHE_IMPL_H

#include "hub/cache.h"

#include <pthread.h>

struct held;

struct cache {
	char *dir;
	struct cache_limits limits;
	pthread_mutex_t mutex; /* of held, and of what is used and what is removed */
	pthread_cond_t unlocked;
	struct held *held;
};

/* With the mutex held. */
bool cache_is_locked(struct cache *c, const char *key);
/* New strings. */
char *cache_used_mark(const struct cache *c, const char *folder, const char *unit);

#endif
