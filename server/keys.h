/* API keys: a file of names and keys, kept as SHA-256. Immutable after keys_load; from any thread.
 */
#ifndef BERTD_SERVER_KEYS_H
#define BERTD_SERVER_KEYS_H

#include "base/err.h"

struct keys;

/* Reads "name:key" lines; blank lines and lines that begin with # are skipped. A name is 1…64 of
 * [A-Za-z0-9._-] and occurs once; a key is 16…256 printable ASCII characters without blanks, or
 * "sha256:" and the 64 hex digits of a key's SHA-256. ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_IO;
 * ERR_INVALID with the line, also when there is no key at all. The messages never hold a key. */
enum err keys_load(const char *path, struct keys **out, struct errinfo *ei) MUST_USE;
/* NULL is fine. */
void keys_free(struct keys *k);

/* The name of the key in "Authorization: Bearer KEY", else in "X-API-Key: KEY" (either may be
 * NULL), or NULL. The time does not depend on which key it is or how much of it is right. */
const char *keys_check(const struct keys *k, const char *authorization, const char *x_api_key);

/* ERR_INVALID for what cannot be a name. */
enum err keys_check_name(const char *name, struct errinfo *ei) MUST_USE;

/* The names in the order of the file. */
int keys_count(const struct keys *k);
const char *keys_name(const struct keys *k, int i);

/* The file, changed by the operator (keys_edit.c): all or nothing, one change at a time. A new file
 * has mode 0600; one that is there keeps its owner. */

#define KEYS_NEW_SIZE 65
/* Makes a random key of 32 bytes, as hex in key[KEYS_NEW_SIZE], and appends its name and hash to
 * the file, which is made if it is not there. ERR_CONFLICT for a name that is there; the errors of
 * keys_load; ERR_DISK_FULL. */
enum err keys_add(const char *path, const char *name, char *key, struct errinfo *ei) MUST_USE;
/* Removes the line of that name. ERR_NOT_FOUND; ERR_CONFLICT for the last key, because a file
 * without one is refused; the errors of keys_load. */
enum err keys_revoke(const char *path, const char *name, struct errinfo *ei) MUST_USE;

#endif
