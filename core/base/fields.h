/* Tables of named fields: one reader for request bodies, training arguments and the configuration.
 *
 *     static const struct field train_fields[] = {
 *             { "learning_rate", F_DOUBLE, offsetof(struct train_args, learning_rate), .min = 0,
 * .max = 1 }, { 0 },
 *     };
 *
 * fields_read() checks a JSON object against the table and fills the struct; it collects every
 * fault with a JSON pointer (RFC 6901) and refuses unknown keys, naming the nearest known one.
 * fields_write() is its inverse. */
#ifndef BERTD_BASE_FIELDS_H
#define BERTD_BASE_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum field_kind {
	F_BOOL,	  /* bool */
	F_INT,	  /* int64_t; a JSON real with no fraction is accepted, as in 3.0 */
	F_DOUBLE, /* double */
	F_STRING, /* char *, owned by the struct, freed by fields_clear(); min and max bound its
		     length in bytes */
	F_ENUM,	  /* int: the index of the string in names */
	F_OBJECT, /* json_t *, owned reference; checked to be an object, its inside is the caller's
		   */
	F_ARRAY,  /* json_t *, owned reference; min and max bound its length */
	F_ANY,	  /* json_t *, owned reference */
};

struct field {
	const char *name; /* NULL ends a table */
	enum field_kind kind;
	size_t offset;	 /* in the struct that is filled */
	double min, max; /* inclusive bounds; both 0: none */
	bool above_min;	 /* min itself is refused */
	bool required;
	bool nullable;		  /* null is taken as absent */
	bool secret;		  /* its value is never printed */
	const char *const *names; /* F_ENUM: NULL-terminated */
	const char *help;	  /* one sentence, for --help and the docs */
};

/* The faults of one input, in the order they were found. Zero-initialised it is empty. */
struct faults {
	json_t *list; /* NULL or an array of {"pointer", "detail"} */
};
#define FAULTS_MAX 64 /* more are counted but not kept */

void faults_add(struct faults *f, const char *pointer, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool faults_any(const struct faults *f);
void faults_clear(struct faults *f);

/* Reads object into target by the table; absent fields keep what target holds. pointer is that of
 * the object ("#",
 * "#/args"). A value that is not an object is itself a fault. Returns whether nothing was wrong. */
bool fields_read(const struct field *table, const json_t *object, const char *pointer, void *target,
		 struct faults *faults);

/* Checks and stores one value; name is used for the pointer. As fields_read for a single row. */
bool field_set(const struct field *row, const json_t *value, const char *pointer, void *target,
	       struct faults *faults);

/* A new object with every field of source (absent strings and references as null). */
json_t *fields_write(const struct field *table, const void *source);

/* Frees the strings and references that the table owns in target, and sets them to NULL. */
void fields_clear(const struct field *table, void *target);

/* The row of that name, or NULL. */
const struct field *fields_find(const struct field *table, const char *name);

/* The known name nearest to a misspelt one (edit distance at most a third of its length, 2 at
 * least), or NULL. */
const char *fields_nearest(const struct field *table, const char *name);

/* name appended to pointer as RFC 6901 wants it (~ and / escaped), into out[256]; returns out. */
const char *fields_pointer(const char *pointer, const char *name, char *out);
#define FIELDS_POINTER_SIZE 256

#endif
