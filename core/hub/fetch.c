/* Opening, closing, and what models and data files have in common: see fetch.h. */
#include "hub/fetch_impl.h"

#include "base/files.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *copy(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

/* http:// is for those that http_hosts names, the endpoint like every other. */
enum err fetch_check_config(const struct fetch_config *c, struct errinfo *ei)
{
	struct errinfo why;
	size_t n = strlen(c->endpoint);
	enum err e = http_check_policy(&c->policy, ei);

	if (e != OK)
		return e;
	if (names_check_hosts(c->data_hosts, &why) != OK)
		return err_set(ei, ERR_INVALID, "data_hosts: %.400s", why.msg);
	if (http_check_url(&c->policy, c->endpoint, NULL, &why) != OK)
		return err_set(ei, ERR_INVALID, "hf_endpoint: %.400s", why.msg);
	if (n == 0 || c->endpoint[n - 1] == '/' || strpbrk(c->endpoint, "?#"))
		return err_set(ei, ERR_INVALID,
			       "hf_endpoint: must not end with \"/\" nor have a query");
	return OK;
}

static void copy_config(struct fetch_config *to, const struct fetch_config *from)
{
	*to = *from;
	to->dir = copy(from->dir);
	to->endpoint = copy(from->endpoint);
	to->token = from->token && *from->token ? copy(from->token) : NULL;
	to->data_hosts = copy(from->data_hosts);
	to->policy.http_hosts = copy(from->policy.http_hosts);
	to->policy.proxy = copy(from->policy.proxy);
	to->policy.user_agent = copy(from->policy.user_agent);
}

enum err fetch_open(const struct fetch_config *c, struct fetch **out, struct errinfo *ei)
{
	struct cache_limits limits = { c->max_cache_bytes, c->min_free_bytes };
	struct cache *cache = NULL;
	enum err e = fetch_check_config(c, ei);

	if (e == OK)
		e = cache_open(c->dir, &limits, &cache, ei);
	if (e != OK)
		return e;
	struct fetch *f = mem_zalloc(1, sizeof(*f));
	copy_config(&f->config, c);
	f->cache = cache;
	*out = f;
	return OK;
}

void fetch_close(struct fetch *f)
{
	if (!f)
		return;
	const char *const strings[] = { f->config.dir,
					f->config.endpoint,
					f->config.token,
					f->config.data_hosts,
					f->config.policy.http_hosts,
					f->config.policy.proxy,
					f->config.policy.user_agent };
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		free((char *)strings[i]);
	cache_close(f->cache);
	free(f);
}

void fetch_call_init(struct fetch_call *c, struct fetch *f, const char *source,
		     const struct fetch_how *how)
{
	*c = (struct fetch_call){ .f = f, .source = source };
	if (how)
		c->how = *how;
	c->remote = (struct remote){ .policy = &f->config.policy,
				     .sleep_ms = f->config.sleep_ms,
				     .how = &c->how };
}

void fetch_call_clear(struct fetch_call *c)
{
	free(c->folder);
}

bool fetch_is_cached_only(const struct fetch_call *c)
{
	return c->how.cached_only || c->f->config.offline;
}

enum err fetch_not_cached(const struct fetch_call *c, struct errinfo *ei)
{
	if (c->f->config.offline)
		return err_set(ei, ERR_NOT_FOUND,
			       "%.300s has not been downloaded, and the server is offline",
			       c->source);
	return err_set(ei, ERR_ABSENT, "%.300s has to be downloaded first", c->source);
}

static enum err refused(void *ctx, const struct http_response *res, struct errinfo *ei)
{
	const struct fetch_place *p = ctx;

	return repo_refusal(&p->call->repo, p->path, p->call->f->config.token != NULL, res, ei);
}

void fetch_place_init(struct fetch_place *p, const struct fetch_call *c, const char *revision,
		      const char *path)
{
	const struct fetch_config *config = &c->f->config;

	p->call = c;
	p->path = path;
	p->url = path ? repo_file_url(config->endpoint, &c->repo, revision, path)
		      : repo_api_url(config->endpoint, &c->repo);
	p->source = (struct remote_source){ p->url, config->token, NULL, refused, p };
}

void fetch_place_clear(struct fetch_place *p)
{
	free(p->url);
}

/* The name of a part: what tells this content from another. */
static void part_key(const struct repo_file *file, const char *url, char key[SHA256_HEX_SIZE])
{
	if (*file->sha256)
		strcpy(key, file->sha256);
	else if (*file->blob)
		strcpy(key, file->blob);
	else {
		struct buf text = { 0 };
		buf_printf(&text, "%s\n%s", url, file->etag);
		hash_hex(text.data, text.len, key);
		buf_clear(&text);
	}
}

static int64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static enum err make_room(const struct fetch_call *c, const struct repo_file *file,
			  const char *label, const char *part, int64_t max_bytes,
			  struct errinfo *ei)
{
	if (file->size > max_bytes)
		return err_set(ei, ERR_TOO_LARGE,
			       "%s has %" PRId64 " bytes; at most %" PRId64 " are downloaded",
			       label, file->size, max_bytes);
	int64_t there = size_of(part);
	int64_t rest = file->size > there ? file->size - there : 0;
	return cache_make_room(c->f->cache, rest, ei);
}

enum err fetch_download(const struct fetch_call *c, const struct remote_source *source,
			struct repo_file *file, const char *label, const char *prefix,
			int64_t max_bytes, char **part, char sha256[SHA256_HEX_SIZE],
			struct errinfo *ei)
{
	char key[SHA256_HEX_SIZE];

	part_key(file, source->url, key);
	char *name = mem_printf("%s%s", prefix, key);
	char *path = cache_incomplete(c->f->cache, c->folder, name);
	struct download d = { &c->remote, c->f->cache, source,	  path,
			      file,	  max_bytes,   c->source, label };
	enum err e = make_room(c, file, label, path, max_bytes, ei);
	if (e == OK)
		e = download(&d, sha256, ei);
	if (e == OK) /* of the size that is known now */
		e = cache_make_room(c->f->cache, 0, ei);
	if (e == ERR_DISK_FULL || e == ERR_TOO_LARGE)
		unlink(path);
	if (e == OK)
		*part = path;
	else
		free(path);
	free(name);
	return e;
}
