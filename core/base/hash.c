/* SHA-256 and SHA-1: see hash.h. */
#include "base/hash.h"

#include "base/mem.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

struct hash {
	EVP_MD_CTX *ctx;
};

static struct hash *new_of(const EVP_MD *kind)
{
	struct hash *h = mem_alloc(sizeof(*h));

	h->ctx = EVP_MD_CTX_new();
	BUG_ON(!h->ctx || EVP_DigestInit_ex(h->ctx, kind, NULL) != 1);
	return h;
}

struct hash *hash_new(void)
{
	return new_of(EVP_sha256());
}

struct hash *hash_new_sha1(void)
{
	return new_of(EVP_sha1());
}

void hash_add(struct hash *h, const void *data, size_t n)
{
	BUG_ON(EVP_DigestUpdate(h->ctx, data, n) != 1);
}

void hash_finish(struct hash *h, char *out)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;

	BUG_ON(EVP_DigestFinal_ex(h->ctx, digest, &n) != 1);
	for (unsigned i = 0; i < n; i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[2 * n] = '\0';
	hash_free(h);
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void hash_hex(const void *data, size_t n, char *out)
{
	struct hash *h = hash_new();

	hash_add(h, data, n);
	hash_finish(h, out);
}

enum err hash_descriptor(int fd, char *out, struct errinfo *ei)
{
	enum { CHUNK = 1 << 18 };
	char *chunk = mem_alloc(CHUNK);
	struct hash *h = hash_new();
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, chunk, CHUNK, at)) > 0) {
		hash_add(h, chunk, (size_t)n);
		at += n;
	}
	enum err e = n < 0 ? err_errno(ei, "the data cannot be read") : OK;
	free(chunk);
	if (e == OK)
		hash_finish(h, out);
	else
		hash_free(h);
	return e;
}

enum err hash_file(const char *path, char *out, struct errinfo *ei)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct errinfo why;

	if (fd < 0)
		return err_errno(ei, "cannot open %s", path);
	enum err e = hash_descriptor(fd, out, &why);
	close(fd);
	return e == OK ? OK : err_set(ei, e, "%s: %s", path, why.msg);
}

bool hash_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}
