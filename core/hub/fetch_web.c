/* Files of https:// URLs. urls/SHA256-OF-URL/ has each content under its SHA-256, and about.json
 * says which is the newest: {"etag", "sha256", "size"}. The one before it stays, for those that
 * were given its name. The URL itself is not kept: it may be signed. */
#include "hub/fetch_impl.h"

#include "base/fields.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ABOUT		"about.json"
#define MAX_ABOUT_BYTES (64 << 10)

struct about {
	char *etag, *sha256;
	int64_t size;
};

static const struct field about_fields[] = {
	{ "etag", F_STRING, offsetof(struct about, etag), 0, 159, .required = true },
	{ "sha256", F_STRING, offsetof(struct about, sha256), 64, 64, .required = true },
	{ "size", F_INT, offsetof(struct about, size), 0, 1e18, .required = true },
	{ 0 },
};

/* One URL. */
struct web_file {
	struct fetch_call call;
	char unit[SHA256_HEX_SIZE]; /* SHA-256 of the URL */
	char *key;		    /* of its lock */
	char *dir;
	struct about about; /* what is cached; without a hash nothing is */
};

static bool on_host(void *ctx, const char *host)
{
	const struct web_file *w = ctx;

	return names_hosts_hold(w->call.f->config.data_hosts, host);
}

static enum err refused(void *ctx, const struct http_response *res, struct errinfo *ei)
{
	(void)ctx;
	if (res->status == 404 || res->status == 410)
		return err_set(ei, ERR_NOT_FOUND, "the server has no such file (status %d)",
			       res->status);
	if (res->status == 401 || res->status == 403)
		return err_set(ei, ERR_DENIED, "the server refuses access to the file (status %d)",
			       res->status);
	return err_set(ei, ERR_NETWORK, "the server answered with status %d", res->status);
}

/* What is cached */

static char *content_path(const struct web_file *w, const char *sha256)
{
	return mem_printf("%s/%s", w->dir, sha256);
}

static bool content_is_there(const struct web_file *w)
{
	char *path = content_path(w, w->about.sha256);
	struct stat st;
	bool there = stat(path, &st) == 0 && st.st_size == w->about.size;

	free(path);
	return there;
}

static bool read_about(struct web_file *w)
{
	char *path = mem_printf("%s/%s", w->dir, ABOUT);
	struct faults faults = { 0 };
	struct buf text = { 0 };
	json_t *object = NULL;
	bool ok = files_read(path, MAX_ABOUT_BYTES, &text, NULL) == OK &&
		  json_parse(text.data ? text.data : "", text.len, &object, NULL) == OK;

	fields_clear(about_fields, &w->about);
	if (ok)
		ok = fields_read(about_fields, object, "#", &w->about, &faults) &&
		     strspn(w->about.sha256, "0123456789abcdef") == 64 && content_is_there(w);
	if (!ok)
		fields_clear(about_fields, &w->about);
	faults_clear(&faults);
	json_decref(object);
	buf_clear(&text);
	free(path);
	return ok;
}

static enum err write_about(const struct web_file *w, struct errinfo *ei)
{
	char *path = mem_printf("%s/%s", w->dir, ABOUT);
	json_t *object = fields_write(about_fields, &w->about);
	struct buf text = { 0 };

	json_print(object, &text);
	enum err e = files_write(path, text.data, text.len, ei);
	json_decref(object);
	buf_clear(&text);
	free(path);
	return e;
}

static void remove_others(const struct web_file *w, const char *sha256, const char *before)
{
	DIR *d = opendir(w->dir);
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		const char *name = ent->d_name;
		if (*name == '.' || strcmp(name, ABOUT) == 0 || strcmp(name, sha256) == 0 ||
		    (before && strcmp(name, before) == 0))
			continue;
		char *path = content_path(w, name);
		cache_remove(path);
		free(path);
	}
	if (d)
		closedir(d);
}

/* Fetching */

/* Takes in the part as the newest content. */
static enum err place(struct web_file *w, const struct repo_file *file, const char *part,
		      const char *sha256, struct errinfo *ei)
{
	const struct fetch_call *c = &w->call;
	char *before = w->about.sha256;
	struct stat st;

	if (stat(part, &st) != 0)
		return err_errno(ei, "cannot look at %s", part);
	enum err e = cache_place_file(c->f->cache, c->folder, w->unit, sha256, part, ei);
	if (e != OK)
		return e;
	w->about.sha256 = mem_strdup(sha256);
	w->about.size = st.st_size;
	free(w->about.etag);
	w->about.etag = mem_strdup(file->etag);
	e = write_about(w, ei);
	if (e == OK)
		remove_others(w, sha256, before);
	free(before);
	return e;
}

static const char *name_of(const char *url, char out[64])
{
	size_t n = strcspn(url, "?#"), from = n;

	while (from && url[from - 1] != '/')
		from--;
	n = n - from < 63 ? n - from : 63;
	memcpy(out, url + from, n);
	out[n] = '\0';
	return out;
}

static enum err fetch_content(struct web_file *w, const struct remote_source *source,
			      const struct http_response *head, struct errinfo *ei)
{
	const struct fetch_call *c = &w->call;
	struct repo_file file = { .size = head->content_length };
	char sha256[SHA256_HEX_SIZE], label[64], prefix[SHA256_HEX_SIZE + 1], *part;

	name_of(c->source, label);
	snprintf(prefix, sizeof(prefix), "%s-", w->unit);
	memcpy(file.etag, head->etag, sizeof(file.etag));
	enum err e = fetch_download(c, source, &file, label, prefix, c->f->config.max_file_bytes,
				    &part, sha256, ei);
	if (e != OK)
		return e;
	e = place(w, &file, part, sha256, ei);
	free(part);
	if (e == OK)
		log_info("file_fetched", "name=%s sha256=%s", log_q(label), sha256);
	return e;
}

/* With the URL locked. */
static enum err fetch_locked(struct web_file *w, struct errinfo *ei)
{
	struct fetch_call *c = &w->call;
	struct remote_source source = { c->source, NULL, on_host, refused, w };
	struct http_response head = { 0 };
	bool cached = read_about(w);
	const char *etag = cached && *w->about.etag ? w->about.etag : NULL;
	enum err e = cache_make_folder(c->f->cache, c->folder, ei);

	c->remote.once = cached;
	if (e == OK)
		e = remote_look(&c->remote, &source, etag, &head, ei);
	c->remote.once = false;
	if (e == ERR_NETWORK && cached) {
		log_warn("file_out_of_reach", "detail=%s", log_q(ei->msg));
		return OK;
	}
	if (e != OK || head.status == 304 || (etag && strcmp(etag, head.etag) == 0))
		return e;
	return fetch_content(w, &source, &head, ei);
}

static enum err get_web_file(struct web_file *w, struct errinfo *ei)
{
	const struct fetch_call *c = &w->call;

	cache_use(c->f->cache, c->folder, w->unit);
	if (fetch_is_cached_only(c))
		return read_about(w) ? OK : fetch_not_cached(c, ei);
	enum err e = cache_lock(c->f->cache, w->key, &c->how, ei);
	if (e != OK)
		return e;
	e = fetch_locked(w, ei);
	cache_unlock(c->f->cache, w->key);
	return e;
}

enum err fetch_web_file(struct fetch *f, const char *url, const struct fetch_how *how, char **path,
			char *sha256, struct errinfo *ei)
{
	struct web_file w = { 0 };

	fetch_call_init(&w.call, f, url, how);
	w.call.folder = mem_strdup(CACHE_URLS);
	hash_hex(url, strlen(url), w.unit);
	w.key = mem_printf("%s/%s", CACHE_URLS, w.unit);
	w.dir = cache_unit(f->cache, CACHE_URLS, w.unit);
	enum err e = get_web_file(&w, ei);
	if (e == OK) {
		cache_use(f->cache, CACHE_URLS, w.unit);
		*path = content_path(&w, w.about.sha256);
		memcpy(sha256, w.about.sha256, SHA256_HEX_SIZE);
	}
	fields_clear(about_fields, &w.about);
	free(w.dir);
	free(w.key);
	fetch_call_clear(&w.call);
	return e;
}
