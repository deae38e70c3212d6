/* Reads data files as a job would and prints what came of them, for tests/golden/data_parity.py and
 * for a look:
 *
 *     data table FILE TEXT_COLUMN LABEL_COLUMN   every row as [line, text, label]
 *     data load FOLDER DATASET_OBJECT            the labels, then every row that is taken, in the
 *                                                order of the file, as [split, place, line, text,
 *                                                label]
 *     data time FOLDER DATASET_OBJECT SCRATCH    the same without printing
 *
 * SCRATCH is a folder for temporary files. Times and the peak of memory go to stderr. */
#include <inttypes.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "data/dataset.h"

static int print_faults(const struct faults *faults, enum err e, const struct errinfo *ei)
{
	struct buf text = { 0 };

	if (faults->list)
		json_print(faults->list, &text);
	fprintf(stderr, "%s: %s\n%s\n", err_name(e), ei->msg, text.data ? text.data : "");
	buf_clear(&text);
	return 1;
}

static void print_row(json_t *row)
{
	struct buf text = { 0 };

	json_print(row, &text);
	puts(text.data);
	buf_clear(&text);
	json_decref(row);
}

static json_t *cell_json(const struct cell *c)
{
	return c->text ? json_stringn(c->text, c->len) : json_null();
}

static int print_table(const char *path, const char *text, const char *label)
{
	const char *wanted[] = { text, label };
	struct faults faults = { 0 };
	struct row_faults rf = { .faults = &faults, .pointer = "#" };
	const struct row *row = NULL;
	struct rows *rows;
	struct errinfo ei = { "" };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		return 2;
	}
	enum err e = rows_open(fd, wanted, 2, &dataset_default_limits, &rf, &rows, &ei);
	do {
		if (e == OK)
			e = rows_next(rows, &rf, &row, &ei);
		if (e == OK && row)
			print_row(json_pack("[I, o, o]", (json_int_t)row->line,
					    cell_json(&row->cells[0]), cell_json(&row->cells[1])));
	} while (e == OK && row);
	row_faults_end(&rf);
	int rc = e != OK || rf.n ? print_faults(&faults, e, &ei) : 0;
	rows_close(rows);
	faults_clear(&faults);
	close(fd);
	return rc;
}

static enum err open_in(void *folder, const char *file, int *fd, struct errinfo *ei)
{
	return files_open_beneath(folder, file, fd, ei);
}

static enum err print_example(void *ctx, enum split s, int64_t place, const struct example *x,
			      struct errinfo *ei)
{
	(void)ctx;
	(void)ei;
	print_row(json_pack("[s, I, I, o, i]", split_names[s], (json_int_t)place,
			    (json_int_t)x->line, json_stringn(x->text, x->text_len),
			    (int)x->label));
	return OK;
}

static enum err count_bytes(void *ctx, enum split s, int64_t place, const struct example *x,
			    struct errinfo *ei)
{
	int64_t *bytes = ctx;

	(void)s;
	(void)place;
	(void)ei;
	*bytes += x->text_len;
	return OK;
}

static void print_labels(const struct dataset *d)
{
	json_t *labels = json_array();

	for (int i = 0; i < dataset_n_labels(d); i++)
		json_array_append_new(labels, json_string(dataset_labels(d)[i]));
	print_row(labels);
}

/* scratch NULL: prints the rows. */
static enum err read_dataset(const struct dataset_spec *spec, char *folder, const char *scratch,
			     struct faults *faults, struct errinfo *ei)
{
	struct dataset *d;
	struct rusage used;
	int64_t n = 0, bytes = 0;
	double start = clock_monotonic();
	enum err e = dataset_open(spec, &dataset_default_limits, scratch, open_in, folder, &d,
				  faults, ei);
	double opened = clock_monotonic();

	if (e != OK)
		return e;
	if (!scratch)
		print_labels(d);
	e = dataset_read(d, scratch ? count_bytes : print_example, &bytes, faults, ei);
	double read = clock_monotonic();
	for (int s = 0; s < N_SPLITS; s++)
		n += dataset_n(d, (enum split)s);
	getrusage(RUSAGE_SELF, &used);
	fprintf(stderr,
		"%" PRId64 " rows, %" PRId64 " bytes of text: survey %.3f s, reading %.3f s, "
		"%.0f rows/s, peak %ld KiB\n",
		n, bytes, opened - start, read - opened, (double)n / (read - start),
		used.ru_maxrss);
	dataset_close(d);
	return e;
}

static int load(char *folder, const char *object, const char *scratch)
{
	struct faults faults = { 0 };
	struct dataset_spec spec = { 0 };
	struct errinfo ei = { "" };
	json_t *value;
	enum err e = json_parse(object, strlen(object), &value, &ei);

	if (e != OK)
		return print_faults(&faults, e, &ei);
	e = dataset_spec_read(value, "#/dataset", &spec, &faults) ? OK : ERR_INVALID;
	if (e == OK)
		e = read_dataset(&spec, folder, scratch, &faults, &ei);
	if (e != OK)
		print_faults(&faults, e, &ei);
	dataset_spec_clear(&spec);
	faults_clear(&faults);
	json_decref(value);
	return e != OK;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "table") == 0)
		return print_table(argv[2], argv[3], argv[4]);
	if (argc == 4 && strcmp(argv[1], "load") == 0)
		return load(argv[2], argv[3], NULL);
	if (argc == 5 && strcmp(argv[1], "time") == 0)
		return load(argv[2], argv[3], argv[4]);
	fprintf(stderr, "usage: data table FILE TEXT LABEL | data load FOLDER OBJECT | "
			"data time FOLDER OBJECT SCRATCH\n");
	return 2;
}
