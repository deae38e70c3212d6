/* Reads data files as a job would and prints what came of them, for tests/golden/data_parity.py and
 * for a look:
 *
 *     data table FILE TEXT_COLUMN LABEL_COLUMN   every row as [line, text, label]
 *     data load FOLDER DATASET_OBJECT            the labels, then every row as [split, line, text,
 * label]
 *
 * The time of reading goes to stderr. */
#include <inttypes.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "data/dataset.h"
#include "data/table.h"

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
	struct table t;
	struct errinfo ei = { "" };
	double start = clock_monotonic();
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		return 2;
	}
	enum err e = table_read(fd, wanted, 2, &dataset_default_limits, &t, &rf, &ei);
	fprintf(stderr, "%" PRId64 " rows in %.4f s\n", t.n_rows, clock_monotonic() - start);
	row_faults_end(&rf);
	for (int64_t i = 0; i < t.n_rows; i++)
		print_row(json_pack("[I, o, o]", (json_int_t)t.lines[i],
				    cell_json(table_cell(&t, i, 0)),
				    cell_json(table_cell(&t, i, 1))));
	int rc = e != OK || rf.n ? print_faults(&faults, e, &ei) : 0;
	table_clear(&t);
	faults_clear(&faults);
	close(fd);
	return rc;
}

static enum err open_in(void *folder, const char *file, int *fd, struct errinfo *ei)
{
	return files_open_beneath(folder, file, fd, ei);
}

static void print_dataset(const struct dataset *d)
{
	json_t *labels = json_array();

	for (int i = 0; i < d->n_labels; i++)
		json_array_append_new(labels, json_string(d->labels[i]));
	print_row(labels);
	for (int s = 0; s < N_SPLITS; s++) {
		for (int64_t i = 0; i < d->n[s]; i++) {
			const struct example *x = &d->examples[s][i];
			json_t *text = json_stringn(x->text, x->text_len);
			print_row(json_pack("[s, I, o, i]", split_names[s], (json_int_t)x->line,
					    text, (int)x->label));
		}
	}
}

static int print_load(char *folder, const char *object)
{
	struct faults faults = { 0 };
	struct dataset_spec spec = { 0 };
	struct dataset d = { 0 };
	struct errinfo ei = { "" };
	json_t *value;
	enum err e = json_parse(object, strlen(object), &value, &ei);

	if (e != OK)
		return print_faults(&faults, e, &ei);
	double start = clock_monotonic();
	e = dataset_spec_read(value, "#/dataset", &spec, &faults) ? OK : ERR_INVALID;
	if (e == OK)
		e = dataset_load(&spec, &dataset_default_limits, open_in, folder, &d, &faults, &ei);
	fprintf(stderr, "%.4f s\n", clock_monotonic() - start);
	if (e == OK)
		print_dataset(&d);
	else
		print_faults(&faults, e, &ei);
	dataset_clear(&d);
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
		return print_load(argv[2], argv[3]);
	fprintf(stderr, "usage: data table FILE TEXT LABEL | data load FOLDER OBJECT\n");
	return 2;
}
