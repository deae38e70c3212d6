/* Rows of Parquet: see rows.h and parquet.h. */
#include "data/rows_formats.h"

#include <string.h>

static enum err open_parquet(struct rows *r, struct row_faults *rf, struct errinfo *ei)
{
	enum err e = parquet_open(r->fd, r->wanted, r->n_wanted, r->limits, &r->parquet, ei);

	(void)rf;
	if (e != OK)
		return e;
	char *const *columns = parquet_columns(r->parquet);
	for (int i = 0; i < parquet_n_columns(r->parquet) && e == OK; i++)
		e = rows_add_column(r, columns[i], strlen(columns[i]), ei);
	for (int w = 0; w < r->n_wanted; w++)
		r->columns_of[w] = parquet_column_of(r->parquet, w);
	return e;
}

static enum err next_parquet(struct rows *r, bool *end, struct errinfo *ei)
{
	enum err e = parquet_next(r->parquet, r->row.cells, end, ei);

	r->row.line = r->n_rows + 1;
	return e == ERR_SYNTAX ? ERR_INVALID : e; /* no row can be read behind a damaged one */
}

static void close_parquet(struct rows *r)
{
	parquet_close(r->parquet);
}

static int class_names(const struct rows *r, int wanted, char *const **names)
{
	return parquet_class_names(r->parquet, wanted, names);
}

const struct rows_reader rows_parquet = {
	.name = "parquet",
	.open = open_parquet,
	.next = next_parquet,
	.close = close_parquet,
	.class_names = class_names,
};
