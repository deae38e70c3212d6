/* libFuzzer: any bytes as a safetensors file. What opens must be readable to the last element. */
#include "base/err.h"
#include "base/mem.h"
#include "model/safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct safetensors *st)
{
	struct errinfo ei;

	for (int i = 0; i < safetensors_count(st); i++) {
		const struct safetensors_tensor *t = safetensors_at(st, i);
		float *out = mem_alloc((size_t)t->n_elements * sizeof(float) + 1);
		enum err e = safetensors_read(st, t, out, &ei);
		BUG_ON(e != OK && e != ERR_UNSUPPORTED);
		BUG_ON(safetensors_find(st, t->name) != t);
		free(out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct safetensors *st;
	struct errinfo ei;

	if (fd < 0) {
		fd = memfd_create("fuzz", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	if (safetensors_open(path, &st, &ei) == OK) {
		read_all(st);
		safetensors_close(st);
	}
	return 0;
}
