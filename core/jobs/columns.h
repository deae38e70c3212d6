/* Columns of rows as C and JSON values: what job.c and rows.c share. From any thread. */
#ifndef BERTD_JOBS_COLUMNS_H
#define BERTD_JOBS_COLUMNS_H

#include <stdint.h>

#include <jansson.h>

#include "jobs/db.h"

/* A copy of a text column, or NULL for null. The caller frees. */
char *column_copy(struct stmt *s, int column);
/* A new value from JSON text that this program stored; null for NULL. */
json_t *column_json(const char *text);
/* Milliseconds as RFC 3339 text; null for 0. */
json_t *column_time(int64_t ms);
/* A string, or null for NULL. */
json_t *column_string(const char *text);

#endif
