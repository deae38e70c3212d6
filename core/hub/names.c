/* Names of repositories, files and hosts: see names.h. Facts: huggingface_hub,
 * utils/_validators.py (validate_repo_id) and hf_file_system.py (resolve_path). */
#include "hub/names.h"

#include "base/json.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_alnum(char c)
{
	return isascii((unsigned char)c) && isalnum((unsigned char)c);
}

static bool is_word(char c)
{
	return is_alnum(c) || c == '_';
}

/* One half of a repository's id. */
static bool part_ok(const char *s, size_t n)
{
	if (n == 0 || !is_word(s[0]) || !is_word(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool doubled = i && s[i] == s[i - 1] && (s[i] == '.' || s[i] == '-');
		if (doubled || !(is_word(s[i]) || s[i] == '.' || s[i] == '-'))
			return false;
	}
	return true;
}

static bool id_ok(const char *s, size_t n, bool owner_needed)
{
	const char *slash = memchr(s, '/', n);

	if (n > NAMES_MAX_ID)
		return false;
	if (!slash)
		return !owner_needed && part_ok(s, n);
	size_t owner = (size_t)(slash - s);
	return part_ok(s, owner) && part_ok(slash + 1, n - owner - 1);
}

/* Calls ok on each of the names between "/"; false when one is not. */
static bool each_segment(const char *path, bool (*ok)(const char *s, size_t n))
{
	for (const char *s = path;; s++) {
		size_t n = strcspn(s, "/");
		if (!ok(s, n))
			return false;
		s += n;
		if (!*s)
			return true;
	}
}

static bool revision_segment_ok(const char *s, size_t n)
{
	if (n == 0 || s[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_word(s[i]) && !strchr(".-+", s[i]))
			return false;
	return true;
}

static bool set_revision(const char *s, struct repo_name *out)
{
	size_t n = strlen(s);

	if (n == 0 || n > NAMES_MAX_REVISION || !each_segment(s, revision_segment_ok))
		return false;
	memcpy(out->revision, s, n + 1);
	return true;
}

bool names_read_model(const char *text, struct repo_name *out)
{
	size_t n = strcspn(text, "@");

	*out = (struct repo_name){ .kind = REPO_MODEL, .revision = "main" };
	if (!id_ok(text, n, false))
		return false;
	memcpy(out->id, text, n);
	return !text[n] || set_revision(text + n + 1, out);
}

static bool is_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") >= n;
}

bool names_is_commit(const char *s)
{
	size_t n = strlen(s);

	return (n == 40 || n == 64) && is_hex(s, n);
}

bool names_is_shard(const char *s)
{
	static const char form[] = "model-NNNNN-of-NNNNN.safetensors";

	if (strlen(s) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'N' ? !(s[i] >= '0' && s[i] <= '9') : s[i] != form[i])
			return false;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes n bytes; NULL for a "%" without two hex digits behind it and for U+0000. */
static char *decode(const char *s, size_t n)
{
	char *out = mem_alloc(n + 1);
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];
		if (c == '%') {
			int high = n - i < 3 ? -1 : hex_digit(s[i + 1]);
			int low = high < 0 ? -1 : hex_digit(s[i + 2]);
			c = low < 0 ? 0 : high * 16 + low;
			i += 2;
		}
		if (c == 0) {
			free(out);
			return NULL;
		}
		out[len++] = (char)c;
	}
	out[len] = '\0';
	return out;
}

static bool path_segment_ok(const char *s, size_t n)
{
	if (n == 0 || n > NAMES_MAX_SEGMENT || s[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i], before = i ? (unsigned char)s[i - 1] : 0;
		if (c < 0x20 || c == 0x7f || c == '\\' || (before == 0xc2 && c < 0xa0))
			return false;
	}
	return true;
}

bool names_path_ok(const char *path)
{
	json_t *text = json_string(path); /* NULL unless it is UTF-8 */

	json_decref(text);
	return text && strlen(path) <= NAMES_MAX_PATH && each_segment(path, path_segment_ok);
}

/* How many bytes of s, which stands behind the "@", are the revision. */
static size_t revision_length(const char *s)
{
	static const char *const special[] = { "refs/pr/", "refs/convert/" };

	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
		size_t n = strlen(special[i]);
		if (strncmp(s, special[i], n) == 0)
			return n + strcspn(s + n, "/");
	}
	return strcspn(s, "/");
}

/* *at stands behind the "@" and moves behind the revision. */
static bool read_revision(const char **at, struct repo_name *out)
{
	size_t n = revision_length(*at);
	char *revision = decode(*at, n);
	bool ok = revision &&
		  (strcmp(revision, "~parquet") == 0 ? set_revision("refs/convert/parquet", out)
						     : set_revision(revision, out));

	free(revision);
	*at += n;
	return ok;
}

enum err names_read_data_url(const char *url, struct repo_name *out, char **path,
			     struct errinfo *ei)
{
	static const char prefix[] = "hf://datasets/", form[] = "hf://datasets/OWNER/NAME/PATH";
	const char *at = url + strlen(prefix);

	*out = (struct repo_name){ .kind = REPO_DATASET, .revision = "main" };
	if (strncmp(url, prefix, strlen(prefix)) != 0)
		return err_set(ei, ERR_INVALID, "must be %s", form);
	size_t owner = strcspn(at, "/@");
	size_t n = at[owner] == '/' ? owner + 1 + strcspn(at + owner + 1, "/@") : owner;
	if (!id_ok(at, n, true))
		return err_set(ei, ERR_INVALID, "must be %s: OWNER or NAME is none of the Hub",
			       form);
	memcpy(out->id, at, n);
	at += n;
	if (*at == '@') {
		at++;
		if (!read_revision(&at, out))
			return err_set(ei, ERR_INVALID, "what stands behind \"@\" is no revision");
	}
	char *decoded = *at == '/' ? decode(at + 1, strlen(at + 1)) : NULL;
	if (decoded && names_path_ok(decoded)) {
		*path = decoded;
		return OK;
	}
	free(decoded);
	return err_set(ei, ERR_INVALID,
		       "must be %s: PATH has no empty or hidden names, no \"..\" and no control "
		       "characters",
		       form);
}

char *names_folder(const struct repo_name *repo)
{
	const char *kind = repo->kind == REPO_MODEL ? "models" : "datasets";
	const char *slash = strchr(repo->id, '/');

	if (!slash)
		return mem_printf("%s--%s", kind, repo->id);
	return mem_printf("%s--%.*s--%s", kind, (int)(slash - repo->id), repo->id, slash + 1);
}

void names_encode(const char *text, bool keep_slash, struct buf *out)
{
	for (const char *s = text; *s; s++) {
		if (is_alnum(*s) || strchr("-._~", *s) || (*s == '/' && keep_slash))
			buf_putc(out, *s);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

/* The next entry of a list without the blanks around it; false at the end. */
static bool next_host(const char **at, const char **host, size_t *n)
{
	if (!*at || !**at)
		return false;
	const char *s = *at, *end = strchrnul(s, ',');

	*at = *end ? end + 1 : end;
	while (s < end && *s == ' ')
		s++;
	while (end > s && end[-1] == ' ')
		end--;
	*host = s;
	*n = (size_t)(end - s);
	return true;
}

static bool host_ok(const char *s, size_t n)
{
	size_t dot = n && s[0] == '.';

	if (n <= dot || n > 253 || s[dot] == '.')
		return false;
	for (size_t i = dot; i < n; i++)
		if (!is_alnum(s[i]) && !strchr(".-:_", s[i]))
			return false;
	return true;
}

enum err names_check_hosts(const char *list, struct errinfo *ei)
{
	const char *host;
	size_t n;

	while (next_host(&list, &host, &n))
		if (!host_ok(host, n))
			return err_set(ei, ERR_INVALID, "\"%.*s\" is no host", (int)n, host);
	return OK;
}

bool names_hosts_hold(const char *list, const char *host)
{
	size_t len = strlen(host), n;
	const char *s;

	while (next_host(&list, &s, &n)) {
		if (n == len && *s != '.' && strncasecmp(s, host, n) == 0)
			return true;
		if (n && n < len && *s == '.' && strncasecmp(s, host + len - n, n) == 0)
			return true;
	}
	return false;
}
