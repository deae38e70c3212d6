/* Rows of Parquet: see rows.h. */
#include "data/rows_formats.h"

static enum err open_parquet(struct rows *r, struct row_faults *rf, struct errinfo *ei)
{
	(void)r;
	(void)rf;
	return err_set(ei, ERR_UNSUPPORTED,
		       "this is a Parquet file, which this version does not read; CSV and "
		       "JSON Lines are read");
}

static void close_parquet(struct rows *r)
{
	(void)r;
}

const struct rows_reader rows_parquet = { .name = "parquet",
					  .open = open_parquet,
					  .close = close_parquet };
