/* libFuzzer: any bytes as the training file of a data set, JSON Lines above all. What loads must be
 * whole: every label has a name, every text its end; and what does not load must say why. */
#include "base/err.h"
#include "data/dataset.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *data;
	size_t size;
};

static enum err open_bytes(void *ctx, const char *file, int *fd, struct errinfo *ei)
{
	const struct bytes *b = ctx;

	(void)file;
	(void)ei;
	*fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (*fd < 0 || pwrite(*fd, b->data, b->size, 0) != (ssize_t)b->size)
		abort();
	return OK;
}

#define MAX_ROWS 200

/* What was read: which places of the splits. */
struct read_rows {
	const struct dataset *d;
	bool seen[N_SPLITS][MAX_ROWS];
};

static enum err take(void *ctx, enum split s, int64_t place, const struct example *x,
		     struct errinfo *ei)
{
	struct read_rows *read = ctx;

	(void)ei;
	BUG_ON(place < 0 || place >= dataset_n(read->d, s) || read->seen[s][place]);
	BUG_ON(x->label < 0 || x->label >= dataset_n_labels(read->d) || x->line < 1);
	BUG_ON(x->text[x->text_len] != '\0');
	read->seen[s][place] = true;
	return OK;
}

static void check(const struct read_rows *read)
{
	const struct dataset *d = read->d;

	BUG_ON(dataset_n(d, SPLIT_TRAIN) < 2 || dataset_n_labels(d) < 2);
	for (int s = 0; s < N_SPLITS; s++)
		for (int64_t i = 0; i < dataset_n(d, (enum split)s); i++)
			BUG_ON(!read->seen[s][i]);
	for (int i = 1; i < dataset_n_labels(d); i++)
		BUG_ON(strcmp(dataset_labels(d)[i - 1], dataset_labels(d)[i]) == 0);
}

static void load(struct bytes *b, const struct dataset_spec *spec)
{
	static const struct dataset_limits limits = { 1 << 20, MAX_ROWS, 2000, 20 };
	struct read_rows read = { 0 };
	struct faults faults = { 0 };
	struct errinfo ei;
	struct dataset *d;
	enum err e = dataset_open(spec, &limits, NULL, open_bytes, b, &d, &faults, &ei);

	read.d = d;
	if (e == OK)
		e = dataset_read(d, take, &read, &faults, &ei);
	BUG_ON(e != OK && e != ERR_INVALID);
	BUG_ON((e == OK) == faults_any(&faults));
	if (e == OK)
		check(&read);
	dataset_close(d);
	faults_clear(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[] = "text", label[] = "label", pair[] = "pair", file[] = "f";
	struct bytes b = { data, size };
	struct dataset_spec spec = { .text_column = text, .label_column = label };

	for (int s = 0; s < N_SPLITS; s++)
		spec.splits[s] = (struct split_spec){ .sample = -1, .last = -1 };
	spec.splits[SPLIT_TRAIN].file = file;
	load(&b, &spec);
	spec.splits[SPLIT_TEST] = (struct split_spec){ .file = file, .sample = 2, .last = -1 };
	spec.text_pair_column = pair;
	spec.validation_split = 0.5;
	load(&b, &spec);
	return 0;
}
