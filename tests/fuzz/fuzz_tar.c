/* libFuzzer: any bytes as a tar archive. What is given must lie in the file. */
#include "base/err.h"
#include "base/tar.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Half of the inputs get their checksums put right, or nothing behind them is ever reached. */
static void mend(uint8_t *block)
{
	char digits[24];
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf(digits, sizeof(digits), "%06o", sum);
	memcpy(block + 148, digits, 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct tar_entry entry;
	struct errinfo ei;

	if (fd < 0)
		fd = memfd_create("fuzz", 0);
	uint8_t *copy = malloc(size + 1);
	memcpy(copy, data, size);
	for (size_t at = 0; size && data[0] % 2 && at + TAR_BLOCK <= size; at += TAR_BLOCK)
		mend(copy + at);
	if (ftruncate(fd, 0) != 0 || pwrite(fd, copy, size, 0) != (ssize_t)size)
		abort();
	free(copy);
	struct tar_reader r = { .fd = fd, .bytes = (int64_t)size };
	while (tar_next(&r, &entry, &ei) == OK)
		BUG_ON(entry.offset < 0 || entry.size < 0 ||
		       entry.offset + entry.size > (int64_t)size ||
		       strnlen(entry.name, TAR_NAME_SIZE) == TAR_NAME_SIZE);
	return 0;
}
