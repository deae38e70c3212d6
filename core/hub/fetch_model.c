/* A model of the Hub as one directory: see fetch.h. It is collected in incomplete/snapshot-COMMIT
 * and appears whole as snapshots/COMMIT. */
#include "hub/fetch_impl.h"

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_SMALL_BYTES (16 << 20)
#define MAX_JSON_BYTES	(4 << 20) /* of those that are read here */

/* One model that is being fetched. */
struct model_fetch {
	struct fetch_call call;
	struct repo files;
	char *staging;
};

bool fetch_is_model_name(const char *name)
{
	struct repo_name repo;

	return names_read_model(name, &repo);
}

/* The commit that the name stands for as far as the cache knows: "" when it does not. */
static void cached_commit(const struct fetch_call *c, char commit[72])
{
	if (names_is_commit(c->repo.revision))
		strcpy(commit, c->repo.revision);
	else
		cache_read_ref(c->f->config.dir, c->folder, c->repo.revision, commit);
}

static bool is_cached(const struct fetch_call *c, char commit[72])
{
	cached_commit(c, commit);
	return *commit && cache_use(c->f->cache, c->folder, commit);
}

/* What the Hub says */

static enum err ask_hub(struct model_fetch *m, struct errinfo *ei)
{
	struct fetch_call *c = &m->call;
	struct fetch_place place;
	struct buf answer = { 0 };

	fetch_place_init(&place, c, c->repo.revision, NULL);
	enum err e = remote_read(&c->remote, &place.source, REPO_MAX_ANSWER, &answer, ei);
	if (e == OK)
		e = repo_read(answer.data ? answer.data : "", answer.len, &m->files, ei);
	if (e == OK && names_is_commit(c->repo.revision) &&
	    strcmp(c->repo.revision, m->files.commit) != 0)
		e = err_set(ei, ERR_NETWORK, "the Hub answers with commit %s when asked for %s",
			    m->files.commit, c->repo.revision);
	buf_clear(&answer);
	fetch_place_clear(&place);
	return e;
}

/* What can be told from the list of files alone. */
static enum err check_files(const struct repo *files, const char *id, struct errinfo *ei)
{
	if (!repo_find(files, "config.json"))
		return err_set(ei, ERR_UNSUPPORTED,
			       "%s has no config.json: it is no model of transformers", id);
	if (repo_find(files, REPO_WEIGHTS) || repo_find(files, REPO_INDEX))
		return OK;
	if (files->has_pickle)
		return err_set(ei, ERR_UNSUPPORTED,
			       "%s has pickled weights only, which can run code when they are "
			       "read. Save the model with save_pretrained(..., "
			       "safe_serialization=True), or name a revision that has "
			       "model.safetensors (often one of refs/pr/N)",
			       id);
	return err_set(ei, ERR_UNSUPPORTED, "%s has no model.safetensors", id);
}

static enum err check_tokenizer(const struct repo *files, const char *id, struct errinfo *ei)
{
	if (repo_find(files, "vocab.txt") || repo_find(files, "tokenizer.json"))
		return OK;
	return err_set(ei, ERR_UNSUPPORTED,
		       "%s has neither vocab.txt nor tokenizer.json: it has no WordPiece "
		       "tokenizer",
		       id);
}

/* One file */

static bool is_staged(const char *path, const struct repo_file *file)
{
	struct stat st;

	return stat(path, &st) == 0 && (file->size < 0 || st.st_size == file->size);
}

static enum err learn(const struct fetch_call *c, const struct fetch_place *place,
		      struct repo_file *file, struct errinfo *ei)
{
	struct http_response head = { 0 };
	enum err e;

	if (file->size >= 0 && (*file->sha256 || *file->blob))
		return OK;
	e = remote_look(&c->remote, &place->source, NULL, &head, ei);
	return e == OK ? repo_file_learn(file, &head, ei) : e;
}

static enum err move_to(char *part, const char *path, struct errinfo *ei)
{
	enum err e = rename(part, path) == 0 ? OK : err_errno(ei, "cannot rename %s", part);

	free(part);
	return e == ERR_NOT_FOUND ? ERR_IO : e;
}

static enum err fetch_one(struct model_fetch *m, struct repo_file *file, int64_t max_bytes,
			  struct errinfo *ei)
{
	const struct fetch_call *c = &m->call;
	char *path = mem_printf("%s/%s", m->staging, file->name), *part;
	char sha256[SHA256_HEX_SIZE];
	struct fetch_place place;

	if (is_staged(path, file)) {
		free(path);
		return OK;
	}
	fetch_place_init(&place, c, m->files.commit, file->name);
	enum err e = learn(c, &place, file, ei);
	if (e == OK)
		e = fetch_download(c, &place.source, file, file->name, "", max_bytes, &part, sha256,
				   ei);
	if (e == OK)
		e = move_to(part, path, ei);
	fetch_place_clear(&place);
	free(path);
	return e;
}

static enum err read_object(const struct model_fetch *m, const char *name, json_t **out,
			    struct errinfo *ei)
{
	char *path = mem_printf("%s/%s", m->staging, name);
	struct buf text = { 0 };
	struct errinfo why;
	enum err e = files_read(path, MAX_JSON_BYTES, &text, ei);

	if (e == OK && json_parse_bounded(text.data ? text.data : "", text.len, REPO_MAX_VALUES,
					  out, &why) != OK)
		e = err_set(ei, ERR_INVALID, "%s of %s: %.300s", name, m->call.repo.id, why.msg);
	if (e == OK && !json_is_object(*out)) {
		json_decref(*out);
		e = err_set(ei, ERR_INVALID, "%s of %s is not an object", name, m->call.repo.id);
	}
	buf_clear(&text);
	free(path);
	return e;
}

/* Whether it is a BERT at all; what else can be wrong with it is found when it is opened. */
static enum err judge_config(const struct model_fetch *m, struct errinfo *ei)
{
	json_t *config = NULL;
	enum err e = read_object(m, "config.json", &config, ei);

	if (e != OK)
		return e;
	const json_t *type = json_object_get(config, "model_type");
	const char *architecture =
		json_string_value(json_array_get(json_object_get(config, "architectures"), 0));
	const char *is = json_string_value(type);
	bool bert = is ? strcmp(is, "bert") == 0
		       : !type && (!architecture || strncmp(architecture, "Bert", 4) == 0);
	if (!bert)
		e = err_set(ei, ERR_UNSUPPORTED,
			    "%s is of the type \"%.60s\"%s%.80s%s; only BERT is supported "
			    "(model_type \"bert\": BertModel, BertForMaskedLM, "
			    "BertForSequenceClassification, …)",
			    m->call.repo.id, is ? is : "", architecture ? " (" : "",
			    architecture ? architecture : "", architecture ? ")" : "");
	json_decref(config);
	return e;
}

/* The weights */

/* Which files the index names; all are judged before the first is fetched. */
static enum err pick_shards(const struct model_fetch *m, json_t *weight_map, bool *picked,
			    struct errinfo *ei)
{
	const char *tensor, *id = m->call.repo.id;
	json_t *value;

	json_object_foreach(weight_map, tensor, value) {
		const char *name = json_string_value(value);
		if (!name || !names_is_shard(name))
			return err_set(ei, ERR_INVALID,
				       "%s of %s names \"%.100s\", which is no name of a part",
				       REPO_INDEX, id, name ? name : "");
		const struct repo_file *file = repo_find(&m->files, name);
		if (!file)
			return err_set(ei, ERR_INVALID, "%s of %s names %s, which is not there",
				       REPO_INDEX, id, name);
		picked[file - m->files.files] = true;
	}
	return OK;
}

static enum err fetch_picked(struct model_fetch *m, const bool *picked, struct errinfo *ei)
{
	const struct fetch_config *config = &m->call.f->config;
	int64_t bytes = 0;

	for (int i = 0; i < m->files.n; i++) {
		int64_t size = picked[i] ? m->files.files[i].size : 0;
		if (size > config->max_cache_bytes - bytes)
			return err_set(ei, ERR_TOO_LARGE, "the parts of %s are too large",
				       m->call.repo.id);
		bytes += size > 0 ? size : 0;
	}
	enum err e = cache_make_room(m->call.f->cache, bytes - files_tree_bytes(m->staging), ei);
	for (int i = 0; i < m->files.n && e == OK; i++)
		if (picked[i])
			e = fetch_one(m, &m->files.files[i], config->max_file_bytes, ei);
	return e;
}

static enum err fetch_shards(struct model_fetch *m, json_t *weight_map, struct errinfo *ei)
{
	bool *picked = mem_zalloc((size_t)m->files.n, sizeof(*picked));
	enum err e = pick_shards(m, weight_map, picked, ei);

	if (e == OK)
		e = fetch_picked(m, picked, ei);
	free(picked);
	return e;
}

static enum err fetch_sharded(struct model_fetch *m, struct errinfo *ei)
{
	json_t *index = NULL;
	enum err e = fetch_one(m, repo_find(&m->files, REPO_INDEX), MAX_JSON_BYTES, ei);

	if (e == OK)
		e = read_object(m, REPO_INDEX, &index, ei);
	if (e != OK)
		return e;
	json_t *weight_map = json_object_get(index, "weight_map");
	if (!json_is_object(weight_map) || json_object_size(weight_map) == 0)
		e = err_set(ei, ERR_INVALID, "%s of %s has no \"weight_map\"", REPO_INDEX,
			    m->call.repo.id);
	else
		e = fetch_shards(m, weight_map, ei);
	json_decref(index);
	return e;
}

static enum err fetch_weights(struct model_fetch *m, struct errinfo *ei)
{
	struct repo_file *whole = repo_find(&m->files, REPO_WEIGHTS);

	if (whole)
		return fetch_one(m, whole, m->call.f->config.max_file_bytes, ei);
	return fetch_sharded(m, ei);
}

/* The directory */

static enum err fetch_small(struct model_fetch *m, struct errinfo *ei)
{
	enum err e = OK;

	for (const char *const *name = repo_small_files; *name && e == OK; name++) {
		struct repo_file *file = repo_find(&m->files, *name);
		bool judged = name == repo_small_files;
		if (file)
			e = fetch_one(m, file, judged ? MAX_JSON_BYTES : MAX_SMALL_BYTES, ei);
		if (e == OK && judged)
			e = judge_config(m, ei);
	}
	return e;
}

static enum err fetch_all(struct model_fetch *m, struct errinfo *ei)
{
	const char *id = m->call.repo.id;
	enum err e = check_files(&m->files, id, ei);

	if (e == OK)
		e = files_make_dirs(m->staging, ei);
	if (e == OK)
		e = fetch_small(m, ei);
	if (e == OK)
		e = check_tokenizer(&m->files, id, ei);
	return e == OK ? fetch_weights(m, ei) : e;
}

static enum err publish(struct model_fetch *m, struct errinfo *ei)
{
	const struct fetch_call *c = &m->call;
	char *unit = cache_unit(c->f->cache, c->folder, m->files.commit);

	cache_mark_used(c->f->cache, c->folder, m->files.commit);
	enum err e = files_publish_dir(m->staging, unit, ei);
	free(unit);
	if (e == OK)
		log_info("model_fetched", "name=%s commit=%s", log_q(c->source), m->files.commit);
	return e == ERR_NOT_FOUND ? ERR_IO : e;
}

/* With the folder locked. */
static enum err fetch_snapshot(struct model_fetch *m, struct errinfo *ei)
{
	const struct fetch_call *c = &m->call;
	char name[96];
	enum err e = OK;

	snprintf(name, sizeof(name), "snapshot-%s", m->files.commit);
	m->staging = cache_incomplete(c->f->cache, c->folder, name);
	if (!cache_use(c->f->cache, c->folder, m->files.commit)) {
		e = fetch_all(m, ei);
		if (e == OK)
			e = publish(m, ei);
		else if (e == ERR_UNSUPPORTED || e == ERR_INVALID)
			cache_remove(m->staging);
	}
	if (e == OK && !names_is_commit(c->repo.revision))
		e = cache_write_ref(c->f->cache, c->folder, c->repo.revision, m->files.commit, ei);
	return e;
}

/* Another thread may have fetched it while this one waited, and a Hub that is out of reach is no
 * reason to do without what is there. */
static enum err fetch_locked(struct model_fetch *m, char commit[72], struct errinfo *ei)
{
	struct fetch_call *c = &m->call;

	if (names_is_commit(c->repo.revision) && is_cached(c, commit))
		return OK;
	enum err e = cache_make_folder(c->f->cache, c->folder, ei);
	c->remote.once = is_cached(c, commit);
	if (e == OK)
		e = ask_hub(m, ei);
	c->remote.once = false;
	if (e == ERR_NETWORK && is_cached(c, commit)) {
		log_warn("hub_out_of_reach", "name=%s commit=%s detail=%s", log_q(c->source),
			 commit, log_q(ei->msg));
		return OK;
	}
	if (e == OK)
		e = fetch_snapshot(m, ei);
	if (e == OK)
		strcpy(commit, m->files.commit);
	return e;
}

static enum err get_model(struct model_fetch *m, char commit[72], struct errinfo *ei)
{
	struct fetch_call *c = &m->call;

	if (fetch_is_cached_only(c))
		return is_cached(c, commit) ? OK : fetch_not_cached(c, ei);
	if (names_is_commit(c->repo.revision) && is_cached(c, commit))
		return OK;
	enum err e = cache_lock(c->f->cache, c->folder, &c->how, ei);
	if (e != OK)
		return e;
	e = fetch_locked(m, commit, ei);
	cache_unlock(c->f->cache, c->folder);
	return e;
}

enum err fetch_model(struct fetch *f, const char *name, const struct fetch_how *how, char **dir,
		     char commit[72], struct errinfo *ei)
{
	struct model_fetch m = { 0 };
	struct errinfo unused = { "" };
	char found[72];

	fetch_call_init(&m.call, f, name, how);
	if (!names_read_model(name, &m.call.repo))
		return err_set(ei, ERR_INVALID,
			       "\"%.120s\" is no name of a model of the Hub: OWNER/NAME or NAME, "
			       "then maybe @REVISION",
			       name);
	m.call.folder = names_folder(&m.call.repo);
	enum err e = get_model(&m, found, ei ? ei : &unused);
	if (e == OK) {
		*dir = cache_unit(f->cache, m.call.folder, found);
		if (commit)
			strcpy(commit, found);
	}
	repo_clear(&m.files);
	free(m.staging);
	fetch_call_clear(&m.call);
	return e;
}
