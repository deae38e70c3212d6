/* Faults of the rows of one file: the first ones are kept, the rest is counted. */
#ifndef BERTD_DATA_FAULTS_H
#define BERTD_DATA_FAULTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fields.h"

#define ROW_FAULTS_KEPT 20

struct row_faults {
	struct faults *faults;
	const char *pointer; /* of the split, "#/dataset/train" */
	int64_t n;
};

void row_faults_add(struct row_faults *rf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As row_faults_add, at a pointer of its own: the member of the request that is to blame. */
void row_faults_add_at(struct row_faults *rf, const char *pointer, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* Adds "… and N more faults" where some were not kept. */
void row_faults_end(struct row_faults *rf);

/* Faults that nobody is to be told of: none is kept, and n says that there are some by being above
 * ROW_FAULTS_KEPT. */
#define ROW_FAULTS_UNTOLD \
	{ \
		.n = ROW_FAULTS_KEPT \
	}

/* The nearest of n names to one that is not among them, or NULL. Borrowed from names. */
const char *nearest_name(char *const *names, int n, const char *name);

/* A value from the data in quotes for a message: control characters as blanks, cut with "…" between
 * two characters. */
#define EXCERPT_SIZE 64
struct excerpt {
	char text[EXCERPT_SIZE + 8];
};
const char *excerpt_of(const char *text, size_t len, struct excerpt *out);
#define EXCERPT(text, len) excerpt_of(text, len, &(struct excerpt){ { 0 } })

#endif
