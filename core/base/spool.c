/* Arrays in unlinked files: see spool.h. */
#include "base/spool.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_BYTES ((int64_t)64 << 10)
#define STEP_BYTES  ((int64_t)1 << 20) /* sizes above are multiples of it */
#define KEPT_BYTES  ((int64_t)4 << 20) /* appended bytes that stay resident */

static enum err make_file(const char *dir, int *fd, struct errinfo *ei)
{
	if (!dir) {
		*fd = memfd_create("spool", MFD_CLOEXEC);
		return *fd < 0 ? err_errno(ei, "cannot make a file in memory") : OK;
	}
	char *path = mem_printf("%s/spool-XXXXXX", dir);
	*fd = mkostemp(path, O_CLOEXEC);
	enum err e = *fd < 0 ? err_errno(ei, "cannot make a temporary file") : OK;
	if (e == OK && unlink(path) != 0)
		e = err_errno(ei, "cannot unlink a temporary file");
	if (e != OK && *fd >= 0)
		close(*fd);
	free(path);
	return e;
}

enum err spool_open(struct spool *s, const char *dir, struct errinfo *ei)
{
	int fd;
	enum err e = make_file(dir, &fd, ei);

	*s = (struct spool){ 0 };
	if (e == OK)
		*s = (struct spool){ .fd = fd, .open = true };
	return e;
}

void spool_close(struct spool *s)
{
	if (s->data)
		munmap(s->data, (size_t)s->cap);
	if (s->open)
		close(s->fd);
	*s = (struct spool){ 0 };
}

/* A size for need bytes that makes appending linear. */
static int64_t next_cap(int64_t cap, int64_t need)
{
	int64_t next = cap ? cap + cap / 2 : FIRST_BYTES;

	if (next < need)
		next = need;
	if (next <= FIRST_BYTES)
		return FIRST_BYTES;
	return (next + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
}

static enum err allocate(struct spool *s, int64_t cap, struct errinfo *ei)
{
	int failed;

	do
		failed = posix_fallocate(s->fd, s->cap, cap - s->cap);
	while (failed == EINTR);
	if (!failed)
		return OK;
	errno = failed;
	return err_errno(ei, "no room for %lld bytes of temporary data", (long long)cap);
}

static enum err grow(struct spool *s, int64_t need, struct errinfo *ei)
{
	BUG_ON(!s->open || need < 0 || need > INT64_MAX / 2);
	if (need <= s->cap)
		return OK;
	int64_t cap = next_cap(s->cap, need);
	enum err e = allocate(s, cap, ei);
	if (e != OK)
		return e;
	void *data =
		s->data ? mremap(s->data, (size_t)s->cap, (size_t)cap, MREMAP_MAYMOVE)
			: mmap(NULL, (size_t)cap, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (data == MAP_FAILED)
		return err_errno(ei, "cannot map %lld bytes of temporary data", (long long)cap);
	s->data = data;
	s->cap = cap;
	return OK;
}

static void give_up(struct spool *s, int64_t from, int64_t to)
{
	if (to > from)
		madvise(s->data + from, (size_t)(to - from), MADV_DONTNEED);
}

enum err spool_append(struct spool *s, const void *data, int64_t n, struct errinfo *ei)
{
	enum err e = grow(s, s->len + n, ei);

	if (e != OK)
		return e;
	if (n)
		memcpy(s->data + s->len, data, (size_t)n);
	s->len += n;
	if (s->len - s->kept >= 2 * KEPT_BYTES) {
		int64_t to = (s->len - KEPT_BYTES) / KEPT_BYTES * KEPT_BYTES;
		give_up(s, s->kept, to);
		s->kept = to;
	}
	return OK;
}

enum err spool_resize(struct spool *s, int64_t len, struct errinfo *ei)
{
	enum err e = grow(s, len, ei);

	if (e != OK)
		return e;
	if (len < s->len)
		memset(s->data + len, 0, (size_t)(s->len - len));
	s->len = len;
	if (s->kept > len)
		s->kept = 0;
	return OK;
}

void spool_forget(struct spool *s)
{
	give_up(s, 0, s->cap);
}
