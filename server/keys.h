/* API keys: a file of names and keys, kept as SHA-256. Immutable after keys_load; from any thread.
 */
#ifndef BERTD_SERVER_KEYS_H
#define BERTD_SERVER_KEYS_H

#include "base/err.h"

struct keys;

/* Reads "name:key" lines; blank lines and lines that begin with # are skipped. A name is 1…64 of
 * [A-Za-z0-9._-] and occurs once; a key is 16…256 printable ASCII characters without blanks.
 * ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_IO; ERR_INVALID with the line, also when there is no key at
 * all. The messages never hold a key. */
enum err keys_load(const char *path, struct keys **out, struct errinfo *ei) MUST_USE;
/* NULL is fine. */
void keys_free(struct keys *k);

/* The name of the key in "Authorization: Bearer KEY", else in "X-API-Key: KEY" (either may be
 * NULL), or NULL. The time does not depend on which key it is or how much of it is right. */
const char *keys_check(const struct keys *k, const char *authorization, const char *x_api_key);

#endif
