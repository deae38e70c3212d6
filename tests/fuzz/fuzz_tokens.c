/* libFuzzer: any bytes as a file of encoded rows, with a header that gets them past the magic and
 * the checksum. What opens must be readable to the last id of every row. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "data/tokens.h"
#include "data/tokens_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes with what no fuzzer would guess; the caller frees. */
static char *mend(const uint8_t *data, size_t size)
{
	const size_t summed = offsetof(struct tokens_header, version);
	char *file = mem_dup(data, size);
	struct tokens_header h;
	struct tokens_sum sum = { 0 };

	if (size < sizeof(h))
		return file;
	memcpy(&h, file, sizeof(h));
	memcpy(h.magic, TOKENS_MAGIC, sizeof(h.magic));
	h.version = TOKENS_VERSION;
	h.byte_order = TOKENS_BYTE_ORDER;
	h.fact_size = sizeof(struct row_fact);
	memcpy(file, &h, sizeof(h));
	tokens_sum_add(&sum, file + summed, (int64_t)(size - summed));
	h.checksum = tokens_sum_end(&sum);
	memcpy(file, &h, sizeof(h));
	return file;
}

static void read_all(const struct tokens *t)
{
	for (int s = 0; s < N_SPLITS; s++) {
		const struct examples *x = &t->splits[s];

		for (int64_t i = 0; i < x->n; i++) {
			BUG_ON(x->labels[i] < 0 || x->labels[i] >= t->n_labels);
			BUG_ON(t->facts[s][i].label != x->labels[i]);
			for (int32_t k = 0; k < x->lengths[i]; k++)
				BUG_ON(x->input_ids[x->starts[i] + k] < 0);
		}
	}
	BUG_ON(!t->report || t->n_labels < 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct tokens t;
	struct errinfo ei;
	char *file = mend(data, size);

	if (fd < 0) {
		fd = memfd_create("fuzz", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) != 0 || pwrite(fd, file, size, 0) != (ssize_t)size)
		abort();
	free(file);
	if (tokens_open(path, &t, &ei) == OK) {
		read_all(&t);
		tokens_close(&t);
	}
	return 0;
}
