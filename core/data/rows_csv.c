/* Rows of CSV with a header line: see rows.h and csv.h. */
#include "data/rows_formats.h"

#include <inttypes.h>
#include <string.h>

/* A name of the header that is wanted must stand there once. */
static void check_wanted(const struct rows *r, struct row_faults *rf)
{
	for (int w = 0; w < r->n_wanted; w++) {
		int n = 0;
		for (int i = 0; i < r->n_columns; i++)
			n += strcmp(r->columns[i], r->wanted[w]) == 0;
		if (n > 1)
			row_faults_add(rf, "the header names the column %s %d times",
				       EXCERPT(r->wanted[w], strlen(r->wanted[w])), n);
	}
}

static enum err open_csv(struct rows *r, struct row_faults *rf, struct errinfo *ei)
{
	struct csv_row header;

	r->csv = csv_new(&r->file, r->limits->max_field);
	enum err e = csv_next(r->csv, &header, ei);
	if (e != OK)
		return e;
	if (header.n == 0)
		return err_set(ei, ERR_SYNTAX, "the file is empty");
	for (int i = 0; i < header.n && e == OK; i++)
		e = rows_add_column(r, header.fields[i], header.lengths[i], ei);
	check_wanted(r, rf);
	return e;
}

static enum err next_csv(struct rows *r, bool *end, struct errinfo *ei)
{
	struct csv_row row;
	enum err e = csv_next(r->csv, &row, ei);

	*end = e == OK && row.n == 0;
	if (e != OK || *end)
		return e;
	if (row.n > r->n_columns)
		return err_set(ei, ERR_SYNTAX,
			       "line %" PRId64 ": %d fields where the header has %d; a text with "
			       "a comma needs quotes",
			       row.line, row.n, r->n_columns);
	r->row.line = row.line;
	for (int w = 0; w < r->n_wanted; w++) {
		int i = r->columns_of[w];
		if (i >= 0 && i < row.n)
			r->row.cells[w] =
				(struct cell){ row.fields[i], (uint32_t)row.lengths[i], CELL_BARE };
	}
	return OK;
}

static void close_csv(struct rows *r)
{
	csv_free(r->csv);
}

const struct rows_reader rows_csv = {
	.name = "csv", .open = open_csv, .next = next_csv, .close = close_csv
};
