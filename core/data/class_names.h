/* Names of classes in what the Hub's `datasets` library writes about a data set's columns:
 *
 *     {"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}
 *
 * or, in older files, "names": {"0": "neg", "1": "pos"}. Any thread. */
#ifndef BERTD_DATA_CLASS_NAMES_H
#define BERTD_DATA_CLASS_NAMES_H

#include <jansson.h>

#include "base/err.h"

struct class_names {
	char **names; /* (n) in the order of the classes' numbers; NULL: none */
	int n;
};

/* The names of one column; none where it is no ClassLabel, has no names, or what is said of it
 * makes no sense (a number without a name, a name twice or with U+0000). ERR_TOO_LARGE for more
 * than max, with words that follow the column's name: "has 5000 class names; …". */
enum err class_names_read(const json_t *metadata, const char *column, int max,
			  struct class_names *out, struct errinfo *ei) MUST_USE;
void class_names_clear(struct class_names *c);

#endif
