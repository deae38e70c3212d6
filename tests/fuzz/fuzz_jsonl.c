/* libFuzzer: any bytes as the training file of a data set, JSON Lines above all. What loads must be
 * whole: every label has a name, every text its end; and what does not load must say why. */
#include "base/err.h"
#include "data/dataset.h"

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

static void check(const struct dataset *d)
{
	BUG_ON(d->n[SPLIT_TRAIN] < 2 || d->n_labels < 2);
	for (int s = 0; s < N_SPLITS; s++) {
		for (int64_t i = 0; i < d->n[s]; i++) {
			const struct example *x = &d->examples[s][i];
			BUG_ON(x->label < 0 || x->label >= d->n_labels || x->line < 1);
			BUG_ON(x->text[x->text_len] != '\0');
		}
	}
	for (int i = 1; i < d->n_labels; i++)
		BUG_ON(strcmp(d->labels[i - 1], d->labels[i]) == 0);
}

static void load(struct bytes *b, const struct dataset_spec *spec)
{
	static const struct dataset_limits limits = { 1 << 20, 200, 2000, 20 };
	struct faults faults = { 0 };
	struct errinfo ei;
	struct dataset d;
	enum err e = dataset_load(spec, &limits, open_bytes, b, &d, &faults, &ei);

	BUG_ON(e != OK && e != ERR_INVALID);
	BUG_ON((e == OK) == faults_any(&faults));
	if (e == OK)
		check(&d);
	dataset_clear(&d);
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
