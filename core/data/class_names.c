/* ClassLabel names: see class_names.h. */
#include "data/class_names.h"

#include "base/mem.h"
#include "data/textset.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Name i of an array, or of an object whose keys are the numbers. */
static const json_t *name_at(const json_t *names, size_t i)
{
	char key[24];

	if (json_is_array(names))
		return json_array_get(names, i);
	snprintf(key, sizeof(key), "%zu", i);
	return json_object_get(names, key);
}

static const json_t *names_of(const json_t *metadata, const char *column)
{
	const json_t *features = json_object_get(json_object_get(metadata, "info"), "features");
	const json_t *feature = json_object_get(features, column);
	const char *type = json_string_value(json_object_get(feature, "_type"));

	if (!type || strcmp(type, "ClassLabel") != 0)
		return NULL;
	return json_object_get(feature, "names");
}

/* Adds a name; false where it is none, has a U+0000 in it or was there before. */
static bool add_name(struct class_names *c, struct textset *known, const json_t *name)
{
	const char *text = json_string_value(name);
	size_t len = json_string_length(name);

	if (!text || strlen(text) != len)
		return false;
	struct text_key key = { .text = text, .text_len = len };
	if (textset_add(known, &key) != c->n)
		return false;
	c->names[c->n++] = mem_strdup(text);
	return true;
}

enum err class_names_read(const json_t *metadata, const char *column, int max,
			  struct class_names *out, struct errinfo *ei)
{
	const json_t *names = names_of(metadata, column);
	size_t n = json_is_array(names) ? json_array_size(names) : json_object_size(names);
	struct textset known;
	bool good = true;

	*out = (struct class_names){ 0 };
	if (n > (size_t)max)
		return err_set(ei, ERR_TOO_LARGE, "has %zu class names; at most %d are read", n,
			       max);
	if (n == 0)
		return OK;
	out->names = mem_zalloc(n, sizeof(*out->names));
	textset_init(&known);
	for (size_t i = 0; good && i < n; i++)
		good = add_name(out, &known, name_at(names, i));
	textset_clear(&known);
	if (!good)
		class_names_clear(out);
	return OK;
}

void class_names_clear(struct class_names *c)
{
	for (int i = 0; i < c->n; i++)
		free(c->names[i]);
	free(c->names);
	*c = (struct class_names){ 0 };
}
