/* API keys: see keys.h. */
#include "keys.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/mem.h"

#define MAX_FILE     (1 << 20)
#define MIN_KEY	     16
#define MAX_KEY	     256
#define MAX_NAME     64
#define HASHED	     "sha256:"
#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

struct key {
	char name[MAX_NAME + 1];
	char sha256[SHA256_HEX_SIZE];
};

struct keys {
	struct key *list;
	int n;
};

static bool good_key(const char *key)
{
	size_t n = strlen(key);

	for (const char *c = key; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	return n >= MIN_KEY && n <= MAX_KEY;
}

enum err keys_check_name(const char *name, struct errinfo *ei)
{
	size_t n = strlen(name);

	if (n == 0 || n > MAX_NAME || strspn(name, NAME_LETTERS) != n)
		return err_set(ei, ERR_INVALID, "a name is 1 to %d of A-Z a-z 0-9 . _ -", MAX_NAME);
	return OK;
}

/* Of a line's key, which may stand there as its hash. */
static bool read_key(const char *key, char *sha256)
{
	if (strncmp(key, HASHED, strlen(HASHED)) != 0) {
		hash_hex(key, strlen(key), sha256);
		return good_key(key);
	}
	key += strlen(HASHED);
	if (strlen(key) != SHA256_HEX_SIZE - 1 ||
	    strspn(key, "0123456789abcdef") != SHA256_HEX_SIZE - 1)
		return false;
	memcpy(sha256, key, SHA256_HEX_SIZE);
	return true;
}

static enum err add(struct keys *k, const char *name, const char *key, int line, struct errinfo *ei)
{
	char sha256[SHA256_HEX_SIZE];
	struct errinfo why;

	if (keys_check_name(name, &why) != OK)
		return err_set(ei, ERR_INVALID, "line %d: %s", line, why.msg);
	if (!read_key(key, sha256))
		return err_set(ei, ERR_INVALID,
			       "line %d: a key is %d to %d printable characters without blanks, "
			       "or " HASHED " and 64 hex digits",
			       line, MIN_KEY, MAX_KEY);
	for (int i = 0; i < k->n; i++)
		if (strcmp(k->list[i].name, name) == 0)
			return err_set(ei, ERR_INVALID, "line %d: the name \"%s\" is there already",
				       line, name);
	k->list = mem_resize(k->list, (size_t)k->n + 1, sizeof(*k->list));
	struct key *row = &k->list[k->n++];
	memcpy(row->name, name, strlen(name) + 1);
	memcpy(row->sha256, sha256, sizeof(sha256));
	return OK;
}

static char *trimmed(char *s)
{
	s += strspn(s, " \t\r");
	for (size_t n = strlen(s); n && strchr(" \t\r", s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

static enum err read_lines(struct keys *k, char *text, struct errinfo *ei)
{
	enum err e = OK;
	int line = 0;

	for (char *s; e == OK && (s = strsep(&text, "\n"));) {
		line++;
		s = trimmed(s);
		if (!*s || *s == '#')
			continue;
		char *colon = strchr(s, ':');
		if (!colon)
			return err_set(ei, ERR_INVALID, "line %d: must be name:key", line);
		*colon = '\0';
		e = add(k, s, colon + 1, line, ei);
	}
	if (e == OK && k->n == 0)
		return err_set(ei, ERR_INVALID, "holds no key");
	return e;
}

enum err keys_load(const char *path, struct keys **out, struct errinfo *ei)
{
	struct keys *k = mem_zalloc(1, sizeof(*k));
	struct buf text = { 0 };
	enum err e = files_read(path, MAX_FILE, &text, ei);

	if (e == OK && text.len && strlen(text.data) != text.len)
		e = err_set(ei, ERR_INVALID, "holds a NUL byte");
	if (e == OK)
		e = read_lines(k, text.len ? text.data : NULL, ei);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_clear(&text);
	if (e == OK)
		*out = k;
	else
		keys_free(k);
	return e;
}

void keys_free(struct keys *k)
{
	if (k)
		free(k->list);
	free(k);
}

int keys_count(const struct keys *k)
{
	return k->n;
}

const char *keys_name(const struct keys *k, int i)
{
	return k->list[i].name;
}

static const char *presented(const char *authorization, const char *x_api_key)
{
	static const char scheme[] = "Bearer ";

	if (!authorization)
		return x_api_key;
	if (strncasecmp(authorization, scheme, strlen(scheme)) != 0)
		return NULL;
	return authorization + strlen(scheme) + strspn(authorization + strlen(scheme), " ");
}

const char *keys_check(const struct keys *k, const char *authorization, const char *x_api_key)
{
	const char *key = presented(authorization, x_api_key), *name = NULL;
	char sha256[SHA256_HEX_SIZE];

	if (!key)
		return NULL;
	hash_hex(key, strlen(key), sha256);
	for (int i = 0; i < k->n; i++)
		if (hash_equal(sha256, k->list[i].sha256, SHA256_HEX_SIZE))
			name = k->list[i].name;
	return name;
}
