/* SHA-256, and SHA-1 where git has it (libcrypto), streamed or at once, as lower-case hex. */
#ifndef BERTD_BASE_HASH_H
#define BERTD_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define SHA256_HEX_SIZE 65
#define SHA1_HEX_SIZE	41

struct hash;
struct hash *hash_new(void);
struct hash *hash_new_sha1(void);
void hash_add(struct hash *h, const void *data, size_t n);
/* Writes the hex digest into out[SHA256_HEX_SIZE], or [SHA1_HEX_SIZE], and frees h. */
void hash_finish(struct hash *h, char *out);
/* Frees h without a digest. NULL is fine. */
void hash_free(struct hash *h);

void hash_hex(const void *data, size_t n, char *out);
/* Of a whole file. ERR_NOT_FOUND, ERR_IO. */
enum err hash_file(const char *path, char *out, struct errinfo *ei) MUST_USE;
/* The same of an open file, from its start, wherever it stands; it stays there. ERR_IO. */
enum err hash_descriptor(int fd, char *out, struct errinfo *ei) MUST_USE;
/* Compares in a time that depends on n only. */
bool hash_equal(const void *a, const void *b, size_t n);

#endif
