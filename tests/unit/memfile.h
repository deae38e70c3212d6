/* Files that live in memory, for tests of what reads a descriptor. */
#ifndef BERTD_TESTS_MEMFILE_H
#define BERTD_TESTS_MEMFILE_H

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A descriptor that stands at the start of these bytes; the caller closes it. */
static inline int memfile(const void *data, size_t n)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0)
		return -1;
	return fd;
}

static inline int memfile_text(const char *text)
{
	return memfile(text, strlen(text));
}

#endif
