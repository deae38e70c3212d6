/* The models that requests name: see models.h. */
#include "serve/models.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TAILQ_HEAD(model_list, model);

struct models {
	const char *device;
	bool bf16;
	int64_t max_bytes;

	pthread_mutex_t lock;	/* of all below, and of the members of each model */
	struct model_list list; /* the most recently used first */
	int64_t loads, evictions;
};

struct models *models_new(const char *device, bool bf16, int64_t max_bytes)
{
	struct models *ms = mem_zalloc(1, sizeof(*ms));

	ms->device = device;
	ms->bf16 = bf16;
	ms->max_bytes = max_bytes;
	pthread_mutex_init(&ms->lock, NULL);
	TAILQ_INIT(&ms->list);
	return ms;
}

static void model_free(struct model *m)
{
	bert_close(m->bert);
	free(m->id);
	free(m->dir);
	free(m);
}

void models_free(struct models *ms)
{
	struct model *m;

	while ((m = TAILQ_FIRST(&ms->list))) {
		BUG_ON(m->holders);
		TAILQ_REMOVE(&ms->list, m, link);
		model_free(m);
	}
	pthread_mutex_destroy(&ms->lock);
	free(ms);
}

/* The lock is the caller's. */
static struct model *find(const struct models *ms, const char *id)
{
	struct model *m;

	TAILQ_FOREACH(m, &ms->list, link)
	{
		if (!m->dropped && strcmp(m->id, id) == 0)
			return m;
	}
	return NULL;
}

struct model *models_hold(struct models *ms, const char *id, const char *dir)
{
	pthread_mutex_lock(&ms->lock);
	struct model *m = find(ms, id);
	if (!m) {
		m = mem_zalloc(1, sizeof(*m));
		m->id = mem_strdup(id);
		m->dir = mem_strdup(dir);
		TAILQ_INSERT_TAIL(&ms->list, m, link);
	}
	m->holders++;
	pthread_mutex_unlock(&ms->lock);
	return m;
}

void models_release(struct models *ms, struct model *m)
{
	pthread_mutex_lock(&ms->lock);
	BUG_ON(m->holders == 0);
	m->holders--;
	pthread_mutex_unlock(&ms->lock);
}

void models_reap(struct models *ms)
{
	struct model_list gone = TAILQ_HEAD_INITIALIZER(gone);
	struct model *m, *next;

	pthread_mutex_lock(&ms->lock);
	for (m = TAILQ_FIRST(&ms->list); m; m = next) {
		next = TAILQ_NEXT(m, link);
		if (m->holders > 0 || (m->bert && !m->dropped))
			continue;
		TAILQ_REMOVE(&ms->list, m, link);
		TAILQ_INSERT_TAIL(&gone, m, link);
	}
	pthread_mutex_unlock(&ms->lock);
	while ((m = TAILQ_FIRST(&gone))) {
		TAILQ_REMOVE(&gone, m, link);
		model_free(m);
	}
}

void models_drop(struct models *ms, const char *id)
{
	pthread_mutex_lock(&ms->lock);
	struct model *m = find(ms, id);
	if (m)
		m->dropped = true;
	pthread_mutex_unlock(&ms->lock);
}

bool models_loaded(struct models *ms, const char *id)
{
	pthread_mutex_lock(&ms->lock);
	const struct model *m = find(ms, id);
	bool loaded = m && m->bert;
	pthread_mutex_unlock(&ms->lock);
	return loaded;
}

static int64_t loaded_bytes(const struct models *ms)
{
	const struct model *m;
	int64_t bytes = 0;

	TAILQ_FOREACH(m, &ms->list, link)
	bytes += m->bytes;
	return bytes;
}

void models_stats(struct models *ms, struct serve_stats *out)
{
	const struct model *m;

	pthread_mutex_lock(&ms->lock);
	out->loads = ms->loads;
	out->evictions = ms->evictions;
	out->loaded_bytes = loaded_bytes(ms);
	out->loaded_models = 0;
	TAILQ_FOREACH(m, &ms->list, link)
	out->loaded_models += m->bert != NULL;
	pthread_mutex_unlock(&ms->lock);
}

/* --- loading, on the inference thread --- */

/* Closes the least recently used model that is loaded, but not keep. False when there is none. */
static bool evict(struct models *ms, const struct model *keep)
{
	struct bert *bert = NULL;
	struct model *m;

	pthread_mutex_lock(&ms->lock);
	TAILQ_FOREACH_REVERSE(m, &ms->list, model_list, link)
	{
		if (m->bert && m != keep && !m->dropped)
			break;
	}
	if (m) {
		bert = m->bert;
		log_info("model_evicted", "model=%s bytes=%lld", log_q(m->id), (long long)m->bytes);
		m->bert = NULL;
		m->bytes = 0;
		ms->evictions++;
	}
	pthread_mutex_unlock(&ms->lock);
	bert_close(bert);
	return bert != NULL;
}

static void make_room(struct models *ms, const struct model *keep, int64_t wanted)
{
	bool full;

	do {
		pthread_mutex_lock(&ms->lock);
		full = loaded_bytes(ms) + wanted > ms->max_bytes;
		pthread_mutex_unlock(&ms->lock);
	} while (full && evict(ms, keep));
}

/* What the weights will need, judged by their files: an estimate, put right once they are there. */
static int64_t expected_bytes(const struct models *ms, const struct model *m)
{
	DIR *d = opendir(m->dir);
	const struct dirent *file;
	int64_t bytes = 0;
	struct stat st;

	while (d && (file = readdir(d))) {
		if (fnmatch("model*.safetensors", file->d_name, 0) == 0 &&
		    fstatat(dirfd(d), file->d_name, &st, 0) == 0)
			bytes += st.st_size;
	}
	if (d)
		closedir(d);
	return ms->bf16 ? bytes / 2 : bytes;
}

static enum err open_weights(struct models *ms, const struct model *m, struct bert **out,
			     struct errinfo *ei)
{
	const struct bert_open_args args = {
		.dir = m->dir, .device = ms->device, .bf16 = ms->bf16, .dropout = -1
	};
	enum err rc;

	do
		rc = bert_open(&args, out, ei);
	while (rc == ERR_DEVICE_MEMORY && evict(ms, m));
	if (rc != OK || bert_n_initialised(*out) == 0)
		return rc;
	rc = err_set(
		ei, ERR_INVALID,
		"the model has no trained head (%s is not in the checkpoint): fine-tune it first",
		bert_initialised(*out, 0));
	bert_close(*out);
	return rc;
}

static void touch(struct models *ms, struct model *m)
{
	TAILQ_REMOVE(&ms->list, m, link);
	TAILQ_INSERT_HEAD(&ms->list, m, link);
}

static void publish(struct models *ms, struct model *m, struct bert *bert)
{
	int64_t bytes = bert_bytes(bert);
	enum serve_function f = models_function(m->dir, bert_get_config(bert)->num_labels);

	pthread_mutex_lock(&ms->lock);
	m->bert = bert;
	m->bytes = bytes;
	m->function = f;
	touch(ms, m);
	ms->loads++;
	pthread_mutex_unlock(&ms->lock);
	make_room(ms, m, 0);
}

enum err models_load(struct models *ms, struct model *m, struct errinfo *ei)
{
	struct bert *bert = NULL;
	double start = clock_monotonic();

	if (m->bert) {
		pthread_mutex_lock(&ms->lock);
		touch(ms, m);
		pthread_mutex_unlock(&ms->lock);
		return OK;
	}
	make_room(ms, m, expected_bytes(ms, m));
	enum err rc = open_weights(ms, m, &bert, ei);
	if (rc != OK) {
		log_warn("model_not_loaded", "model=%s error=%s reason=%s", log_q(m->id),
			 err_name(rc), log_q(ei->msg));
		return rc;
	}
	publish(ms, m, bert);
	log_info("model_loaded", "model=%s bytes=%lld seconds=%.3f", log_q(m->id),
		 (long long)m->bytes, clock_monotonic() - start);
	return OK;
}

enum serve_function models_function(const char *dir, int num_labels)
{
	static const struct {
		const char *problem_type;
		enum serve_function function;
	} known[] = { { "regression", SERVE_NONE },
		      { "multi_label_classification", SERVE_SIGMOID } };
	enum serve_function f = num_labels == 1 ? SERVE_SIGMOID : SERVE_SOFTMAX;
	char *path = mem_printf("%s/config.json", dir);
	struct buf text = { 0 };
	json_t *file = NULL;

	if (files_read(path, 4 << 20, &text, NULL) == OK &&
	    json_parse(text.data ? text.data : "", text.len, &file, NULL) == OK) {
		const char *s = json_string_value(json_object_get(file, "problem_type"));
		for (size_t i = 0; s && i < sizeof(known) / sizeof(known[0]); i++)
			f = strcmp(s, known[i].problem_type) == 0 ? known[i].function : f;
	}
	json_decref(file);
	buf_clear(&text);
	free(path);
	return f;
}
