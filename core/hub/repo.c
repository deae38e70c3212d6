/* What the Hub says: see repo.h. */
#include "hub/repo.h"

#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const repo_small_files[] = { "config.json",
					 "vocab.txt",
					 "tokenizer.json",
					 "tokenizer_config.json",
					 "special_tokens_map.json",
					 "added_tokens.json",
					 NULL };

static bool is_wanted(const char *name)
{
	for (const char *const *s = repo_small_files; *s; s++)
		if (strcmp(name, *s) == 0)
			return true;
	return strcmp(name, REPO_WEIGHTS) == 0 || strcmp(name, REPO_INDEX) == 0 ||
	       names_is_shard(name);
}

static bool is_pickle(const char *name)
{
	static const char *const weights[] = { "pytorch_model.bin", "pytorch_model.bin.index.json",
					       "tf_model.h5", "flax_model.msgpack" };

	for (size_t i = 0; i < sizeof(weights) / sizeof(*weights); i++)
		if (strcmp(name, weights[i]) == 0)
			return true;
	return false;
}

static bool is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

/* Takes a hash in hex where there is one of n digits. */
static void take_hash(const char *s, size_t n, char *out)
{
	if (s && is_hex(s, n))
		memcpy(out, s, n + 1);
}

static const char *string_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static int64_t size_of(const json_t *object)
{
	const json_t *size = json_object_get(object, "size");

	return json_is_integer(size) && json_integer_value(size) >= 0 ? json_integer_value(size)
								      : -1;
}

static void read_file(const json_t *entry, const char *name, struct repo_file *f)
{
	const json_t *lfs = json_object_get(entry, "lfs");

	*f = (struct repo_file){ .size = size_of(entry) };
	snprintf(f->name, sizeof(f->name), "%s", name);
	if (!json_is_object(lfs)) {
		take_hash(string_of(entry, "blobId"), 40, f->blob);
		return;
	}
	/* blobId is the name of the pointer here. */
	take_hash(string_of(lfs, "sha256"), 64, f->sha256);
	take_hash(string_of(lfs, "oid"), 64, f->sha256);
	if (size_of(lfs) >= 0)
		f->size = size_of(lfs);
}

static void read_siblings(const json_t *siblings, struct repo *out)
{
	size_t i;
	json_t *entry;

	json_array_foreach(siblings, i, entry) {
		const char *name = string_of(entry, "rfilename");
		if (!name)
			continue;
		out->has_pickle |= is_pickle(name);
		if (!is_wanted(name) || repo_find(out, name) || out->n == REPO_MAX_SHARDS + 16)
			continue;
		out->files = mem_resize(out->files, (size_t)out->n + 1, sizeof(*out->files));
		read_file(entry, name, &out->files[out->n++]);
	}
}

enum err repo_read(const char *text, size_t len, struct repo *out, struct errinfo *ei)
{
	struct errinfo why;
	json_t *answer = NULL;
	enum err e = OK;

	*out = (struct repo){ 0 };
	if (json_parse_bounded(text, len, REPO_MAX_VALUES, &answer, &why) != OK)
		return err_set(ei, ERR_NETWORK, "the Hub's answer cannot be read: %.300s", why.msg);
	const char *commit = string_of(answer, "sha");
	const json_t *siblings = json_object_get(answer, "siblings");
	if (!commit || !names_is_commit(commit) || !json_is_array(siblings)) {
		e = err_set(ei, ERR_NETWORK,
			    "the Hub's answer has no commit (\"sha\") or no files (\"siblings\")");
	} else {
		strcpy(out->commit, commit);
		read_siblings(siblings, out);
	}
	json_decref(answer);
	return e;
}

void repo_clear(struct repo *r)
{
	free(r->files);
	*r = (struct repo){ 0 };
}

struct repo_file *repo_find(const struct repo *r, const char *name)
{
	for (int i = 0; i < r->n; i++)
		if (strcmp(r->files[i].name, name) == 0)
			return &r->files[i];
	return NULL;
}

enum err repo_file_learn(struct repo_file *f, const struct http_response *head, struct errinfo *ei)
{
	bool linked = *head->linked_etag != '\0';
	const char *etag = linked ? head->linked_etag : head->etag;
	int64_t size = head->linked_size >= 0 ? head->linked_size : head->content_length;

	if (f->size >= 0 && size >= 0 && f->size != size)
		return err_set(ei, ERR_NETWORK,
			       "%s: the Hub says %" PRId64 " bytes once and %" PRId64
			       " bytes another time",
			       f->name, f->size, size);
	if (f->size < 0)
		f->size = size;
	snprintf(f->etag, sizeof(f->etag), "%s", head->etag);
	if (!*f->sha256 && !*f->blob) {
		take_hash(etag, 64, f->sha256);
		take_hash(etag, 40, f->blob);
	}
	return OK;
}

char *repo_api_url(const char *endpoint, const struct repo_name *repo)
{
	struct buf url = { 0 };

	buf_printf(&url, "%s/api/%s/%s/revision/", endpoint,
		   repo->kind == REPO_MODEL ? "models" : "datasets", repo->id);
	names_encode(repo->revision, false, &url);
	buf_puts(&url, "?blobs=true");
	return buf_take(&url);
}

char *repo_file_url(const char *endpoint, const struct repo_name *repo, const char *revision,
		    const char *path)
{
	struct buf url = { 0 };

	buf_printf(&url, "%s/%s%s/resolve/", endpoint, repo->kind == REPO_MODEL ? "" : "datasets/",
		   repo->id);
	names_encode(revision, false, &url);
	buf_putc(&url, '/');
	names_encode(path, true, &url);
	return buf_take(&url);
}

static enum err refuse_gated(const struct repo_name *repo, bool with_token, struct errinfo *ei)
{
	if (with_token)
		return err_set(ei, ERR_DENIED,
			       "%s is gated: ask for access on its page at the Hub, with the "
			       "account that hf_token belongs to",
			       repo->id);
	return err_set(ei, ERR_DENIED,
		       "%s is gated: ask for access on its page at the Hub, then give the server a "
		       "token of that account (hf_token)",
		       repo->id);
}

static enum err refuse_missing(const struct repo_name *repo, bool with_token, struct errinfo *ei)
{
	return err_set(ei, ERR_NOT_FOUND, "the Hub has no %s \"%s\", or it is private%s",
		       repo->kind == REPO_MODEL ? "model" : "data set", repo->id,
		       with_token ? " and the account of hf_token may not read it"
				  : " and needs a token (hf_token)");
}

enum err repo_refusal(const struct repo_name *repo, const char *path, bool with_token,
		      const struct http_response *res, struct errinfo *ei)
{
	const char *code = res->error_code;

	if (strcmp(code, "GatedRepo") == 0)
		return refuse_gated(repo, with_token, ei);
	if (strcmp(code, "RevisionNotFound") == 0)
		return err_set(ei, ERR_NOT_FOUND, "%s has no revision \"%s\"", repo->id,
			       repo->revision);
	if (strcmp(code, "EntryNotFound") == 0 || (res->status == 404 && path && !*code))
		return err_set(ei, ERR_NOT_FOUND, "%s has no file \"%.200s\" at revision \"%s\"",
			       repo->id, path ? path : "", repo->revision);
	if (strcmp(code, "RepoNotFound") == 0 || res->status == 404 ||
	    (res->status == 401 && !with_token))
		return refuse_missing(repo, with_token, ei);
	if (res->status == 401)
		return err_set(ei, ERR_DENIED, "the Hub does not accept the token (hf_token)");
	if (res->status == 403)
		return err_set(ei, ERR_DENIED, "the Hub refuses access to %s", repo->id);
	return err_set(ei, ERR_NETWORK, "the Hub answered with status %d for %s", res->status,
		       repo->id);
}
