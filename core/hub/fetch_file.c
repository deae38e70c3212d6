/* Data files: of the Hub's data sets, and of https:// URLs. See fetch.h. */
#include "hub/fetch_impl.h"

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t scheme_length(const char *file)
{
	size_t n =
		strspn(file, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	return n && isalpha((unsigned char)*file) && strncmp(file + n, "://", 3) == 0 ? n : 0;
}

bool fetch_is_url(const char *file)
{
	return scheme_length(file) != 0;
}

static bool has_scheme(const char *file, const char *scheme)
{
	size_t n = scheme_length(file);

	return n == strlen(scheme) && strncasecmp(file, scheme, n) == 0;
}

static bool is_web(const char *file)
{
	return has_scheme(file, "https") || has_scheme(file, "http");
}

static enum err check_web(const struct fetch *f, const char *file, struct errinfo *ei)
{
	char host[HTTP_HOST_SIZE];
	enum err e = http_check_url(&f->config.policy, file, host, ei);

	if (e != OK || names_hosts_hold(f->config.data_hosts, host))
		return e;
	return err_set(ei, ERR_DENIED,
		       "files from the host %.253s are not taken: the server's data_hosts names "
		       "those that are",
		       host);
}

static enum err check_hub(const char *file, struct errinfo *ei)
{
	struct repo_name repo;
	char *path;
	enum err e = names_read_data_url(file, &repo, &path, ei);

	if (e == OK)
		free(path);
	return e;
}

enum err fetch_check_url(const struct fetch *f, const char *file, struct errinfo *ei)
{
	if (has_scheme(file, "hf"))
		return check_hub(file, ei);
	if (is_web(file))
		return check_web(f, file, ei);
	size_t n = scheme_length(file);
	return err_set(ei, ERR_UNSUPPORTED,
		       "only hf:// and https:// files are downloaded, not \"%.*s://\"",
		       (int)(n < 32 ? n : 32), file);
}

/* Of the Hub */

/* One file of a data set. */
struct hub_file {
	struct fetch_call call;
	char *path; /* in the repository */
	char commit[72];
};

static enum err use_cached(struct hub_file *h, char *sha256, struct errinfo *ei)
{
	struct fetch_call *c = &h->call;

	if (!cache_use(c->f->cache, c->folder, h->commit))
		return err_set(ei, ERR_NOT_FOUND, "the commit is not there");
	return cache_sha256(c->f->cache, c->folder, h->commit, h->path, sha256, ei);
}

/* ERR_NOT_FOUND when it is not in the cache. */
static enum err find_cached(struct hub_file *h, char *sha256, struct errinfo *ei)
{
	struct fetch_call *c = &h->call;

	if (names_is_commit(c->repo.revision))
		strcpy(h->commit, c->repo.revision);
	else
		cache_read_ref(c->f->config.dir, c->folder, c->repo.revision, h->commit);
	return *h->commit ? use_cached(h, sha256, ei) : err_set(ei, ERR_NOT_FOUND, "no reference");
}

static enum err look(struct hub_file *h, struct repo_file *file, struct errinfo *ei)
{
	const struct fetch_call *c = &h->call;
	struct http_response head = { 0 };
	struct fetch_place place;

	fetch_place_init(&place, c, c->repo.revision, h->path);
	enum err e = remote_look(&c->remote, &place.source, NULL, &head, ei);
	fetch_place_clear(&place);
	if (e != OK)
		return e;
	const char *commit = *head.commit ? head.commit : c->repo.revision;
	if (!names_is_commit(commit))
		return err_set(ei, ERR_NETWORK, "the Hub does not say which commit %s is at",
			       c->repo.id);
	strcpy(h->commit, commit);
	*file = (struct repo_file){ .size = -1 };
	snprintf(file->name, sizeof(file->name), "%.60s", h->path);
	return repo_file_learn(file, &head, ei);
}

static enum err fetch_content(struct hub_file *h, struct repo_file *file, char *sha256,
			      struct errinfo *ei)
{
	const struct fetch_call *c = &h->call;
	struct fetch_place place;
	char *part;

	fetch_place_init(&place, c, h->commit, h->path);
	enum err e = fetch_download(c, &place.source, file, h->path, "",
				    c->f->config.max_file_bytes, &part, sha256, ei);
	fetch_place_clear(&place);
	if (e != OK)
		return e;
	e = cache_note_sha256(c->f->cache, c->folder, h->commit, h->path, part, sha256, ei);
	if (e == OK)
		e = cache_place_file(c->f->cache, c->folder, h->commit, h->path, part, ei);
	free(part);
	if (e == OK) {
		cache_use(c->f->cache, c->folder, h->commit);
		log_info("file_fetched", "name=%s sha256=%s", log_q(c->source), sha256);
	}
	return e == ERR_NOT_FOUND ? ERR_IO : e;
}

/* With the folder locked. */
static enum err fetch_hub_file(struct hub_file *h, char *sha256, struct errinfo *ei)
{
	struct fetch_call *c = &h->call;
	struct repo_file file;
	struct errinfo why;

	if (names_is_commit(c->repo.revision) && find_cached(h, sha256, &why) == OK)
		return OK;
	enum err e = cache_make_folder(c->f->cache, c->folder, ei);
	c->remote.once = find_cached(h, sha256, &why) == OK;
	if (e == OK)
		e = look(h, &file, ei);
	c->remote.once = false;
	if (e == ERR_NETWORK && find_cached(h, sha256, &why) == OK) {
		log_warn("hub_out_of_reach", "file=%s commit=%s detail=%s", log_q(c->source),
			 h->commit, log_q(ei->msg));
		return OK;
	}
	if (e == OK && use_cached(h, sha256, &why) != OK)
		e = fetch_content(h, &file, sha256, ei);
	if (e == OK && !names_is_commit(c->repo.revision))
		e = cache_write_ref(c->f->cache, c->folder, c->repo.revision, h->commit, ei);
	return e;
}

static enum err get_hub_file(struct hub_file *h, char *sha256, struct errinfo *ei)
{
	struct fetch_call *c = &h->call;

	if (fetch_is_cached_only(c)) {
		enum err e = find_cached(h, sha256, ei);
		return e == ERR_NOT_FOUND ? fetch_not_cached(c, ei) : e;
	}
	enum err e = cache_lock(c->f->cache, c->folder, &c->how, ei);
	if (e != OK)
		return e;
	e = fetch_hub_file(h, sha256, ei);
	cache_unlock(c->f->cache, c->folder);
	return e;
}

static enum err hub_file(struct fetch *f, const char *file, const struct fetch_how *how,
			 char **path, char *sha256, struct errinfo *ei)
{
	struct hub_file h = { 0 };

	fetch_call_init(&h.call, f, file, how);
	enum err e = names_read_data_url(file, &h.call.repo, &h.path, ei);
	if (e != OK)
		return e;
	h.call.folder = names_folder(&h.call.repo);
	e = get_hub_file(&h, sha256, ei);
	if (e == OK) {
		char *unit = cache_unit(f->cache, h.call.folder, h.commit);
		*path = mem_printf("%s/%s", unit, h.path);
		free(unit);
	}
	free(h.path);
	fetch_call_clear(&h.call);
	return e;
}

enum err fetch_file(struct fetch *f, const char *file, const struct fetch_how *how, char **path,
		    char sha256[SHA256_HEX_SIZE], struct errinfo *ei)
{
	struct errinfo unused;

	if (!ei)
		ei = &unused;
	enum err e = fetch_check_url(f, file, ei);
	if (e != OK)
		return e;
	return is_web(file) ? fetch_web_file(f, file, how, path, sha256, ei)
			    : hub_file(f, file, how, path, sha256, ei);
}
