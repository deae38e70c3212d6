/* The cache of tokenizers: see tokenizers.h. */
#include "serve/tokenizers.h"

#include "base/mem.h"
#include "model/config.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct cached {
	TAILQ_ENTRY(cached) link;
	char *model_id;
	struct tokenizers_entry entry;
	int holders;
	bool dropped; /* found no more, freed when nobody holds it */
};

TAILQ_HEAD(cached_list, cached);

struct tokenizers {
	pthread_mutex_t lock;
	int max_idle;
	struct cached_list list; /* the most recently used first */
};

struct tokenizers *tokenizers_new(int max_idle)
{
	struct tokenizers *ts = mem_zalloc(1, sizeof(*ts));

	pthread_mutex_init(&ts->lock, NULL);
	ts->max_idle = max_idle;
	TAILQ_INIT(&ts->list);
	return ts;
}

static void cached_free(struct cached *c)
{
	tokenizer_free(c->entry.tokenizer);
	free(c->model_id);
	free(c);
}

static void remove_entry(struct tokenizers *ts, struct cached *c)
{
	TAILQ_REMOVE(&ts->list, c, link);
	cached_free(c);
}

void tokenizers_free(struct tokenizers *ts)
{
	struct cached *c;

	while ((c = TAILQ_FIRST(&ts->list))) {
		BUG_ON(c->holders);
		remove_entry(ts, c);
	}
	pthread_mutex_destroy(&ts->lock);
	free(ts);
}

/* Frees what nobody holds beyond max_idle, from the least recently used on. */
static void trim(struct tokenizers *ts)
{
	struct cached *c, *previous;
	int idle = 0;

	TAILQ_FOREACH(c, &ts->list, link)
	idle += c->holders == 0;
	for (c = TAILQ_LAST(&ts->list, cached_list); c && idle > ts->max_idle; c = previous) {
		previous = TAILQ_PREV(c, cached_list, link);
		if (c->holders == 0) {
			remove_entry(ts, c);
			idle--;
		}
	}
}

/* Holds the entry of a model; the lock is the caller's. */
static struct cached *hold(struct tokenizers *ts, const char *model_id)
{
	struct cached *c;

	TAILQ_FOREACH(c, &ts->list, link)
	{
		if (!c->dropped && strcmp(c->model_id, model_id) == 0)
			break;
	}
	if (!c)
		return NULL;
	c->holders++;
	TAILQ_REMOVE(&ts->list, c, link);
	TAILQ_INSERT_HEAD(&ts->list, c, link);
	return c;
}

const struct tokenizers_entry *tokenizers_find(struct tokenizers *ts, const char *model_id)
{
	pthread_mutex_lock(&ts->lock);
	struct cached *c = hold(ts, model_id);
	pthread_mutex_unlock(&ts->lock);
	return c ? &c->entry : NULL;
}

static enum err check_vocabulary(const struct tokenizer *t, const struct bert_config *config,
				 struct errinfo *ei)
{
	if (tokenizer_vocab_size(t) <= config->vocab_size)
		return OK;
	return err_set(ei, ERR_INVALID,
		       "the tokenizer has %d tokens, but vocab_size in config.json is %lld",
		       tokenizer_vocab_size(t), (long long)config->vocab_size);
}

static enum err open_entry(const char *dir, struct tokenizers_entry *out, struct errinfo *ei)
{
	struct bert_config config;
	enum err rc = bert_config_read(dir, &config, ei);

	if (rc != OK)
		return rc;
	rc = tokenizer_open(dir, &out->tokenizer, ei);
	if (rc == OK) {
		rc = check_vocabulary(out->tokenizer, &config, ei);
		if (rc != OK)
			tokenizer_free(out->tokenizer);
	}
	if (rc == OK) {
		out->max_length = tokenizer_model_max_length(out->tokenizer);
		if (config.max_position_embeddings < out->max_length)
			out->max_length = (int)config.max_position_embeddings;
		out->type_vocab_size = config.type_vocab_size;
	}
	bert_config_clear(&config);
	return rc;
}

/* Opening takes long and so is done without the lock: two threads may open the same tokenizer at
 * once, and the second one then uses the first one's. */
enum err tokenizers_open(struct tokenizers *ts, const char *model_id, const char *dir,
			 const struct tokenizers_entry **out, struct errinfo *ei)
{
	*out = tokenizers_find(ts, model_id);
	if (*out)
		return OK;
	struct cached *mine = mem_zalloc(1, sizeof(*mine));
	enum err rc = open_entry(dir, &mine->entry, ei);
	if (rc != OK) {
		free(mine);
		return rc;
	}
	mine->model_id = mem_strdup(model_id);
	mine->holders = 1;

	pthread_mutex_lock(&ts->lock);
	struct cached *theirs = hold(ts, model_id);
	if (!theirs)
		TAILQ_INSERT_HEAD(&ts->list, mine, link);
	trim(ts);
	pthread_mutex_unlock(&ts->lock);
	if (theirs)
		cached_free(mine);
	*out = theirs ? &theirs->entry : &mine->entry;
	return OK;
}

void tokenizers_release(struct tokenizers *ts, const struct tokenizer *t)
{
	struct cached *c;

	pthread_mutex_lock(&ts->lock);
	TAILQ_FOREACH(c, &ts->list, link)
	{
		if (c->entry.tokenizer == t)
			break;
	}
	BUG_ON(!c || c->holders == 0);
	if (--c->holders == 0 && c->dropped)
		remove_entry(ts, c);
	else
		trim(ts);
	pthread_mutex_unlock(&ts->lock);
}

void tokenizers_drop(struct tokenizers *ts, const char *model_id)
{
	struct cached *c, *next;

	pthread_mutex_lock(&ts->lock);
	for (c = TAILQ_FIRST(&ts->list); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (strcmp(c->model_id, model_id) != 0)
			continue;
		c->dropped = true;
		if (c->holders == 0)
			remove_entry(ts, c);
	}
	pthread_mutex_unlock(&ts->lock);
}
