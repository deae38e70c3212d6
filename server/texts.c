/* The "input" member: see texts.h. */
#include "texts.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool read_string(const json_t *v, int64_t max_bytes, const char *pointer, const char **text,
			size_t *len, struct faults *faults)
{
	if (!json_is_string(v)) {
		faults_add(faults, pointer, "must be a string");
		return false;
	}
	*text = json_string_value(v);
	*len = json_string_length(v);
	if ((int64_t)*len <= max_bytes)
		return true;
	faults_add(faults, pointer, "must not be longer than %lld bytes", (long long)max_bytes);
	return false;
}

static bool read_object(const json_t *v, int64_t max_bytes, const char *pointer,
			struct text_input *out, struct faults *faults)
{
	static const struct field known[] = {
		{ "text", F_ANY, 0, .required = true },
		{ "text_pair", F_ANY, sizeof(json_t *), .nullable = true },
		{ 0 },
	};
	json_t *members[2] = { NULL, NULL };
	char where[FIELDS_POINTER_SIZE];
	bool ok = fields_read(known, v, pointer, members, faults);

	if (members[0])
		ok &= read_string(members[0], max_bytes, fields_pointer(pointer, "text", where),
				  &out->text, &out->len, faults);
	if (members[1])
		ok &= read_string(members[1], max_bytes,
				  fields_pointer(pointer, "text_pair", where), &out->pair,
				  &out->pair_len, faults);
	fields_clear(known, members); /* the input still holds them */
	return ok;
}

static bool read_one(const json_t *v, int64_t max_bytes, const char *pointer,
		     struct text_input *out, struct faults *faults)
{
	if (json_is_object(v))
		return read_object(v, max_bytes, pointer, out, faults);
	if (json_is_string(v))
		return read_string(v, max_bytes, pointer, &out->text, &out->len, faults);
	faults_add(faults, pointer, "must be a string or an object with \"text\"");
	return false;
}

bool texts_read(const json_t *input, int64_t max_texts, int64_t max_bytes, struct text_input **out,
		int *n, struct faults *faults)
{
	size_t count = json_is_array(input) ? json_array_size(input) : 1;
	char where[FIELDS_POINTER_SIZE];
	bool ok = true;

	*out = NULL;
	if (count == 0 || (int64_t)count > max_texts) {
		faults_add(faults, "#/input", "must hold 1 to %lld texts", (long long)max_texts);
		return false;
	}
	struct text_input *texts = mem_zalloc(count, sizeof(*texts));
	for (size_t i = 0; i < count; i++) {
		bool list = json_is_array(input);
		if (list)
			snprintf(where, sizeof(where), "#/input/%zu", i);
		else
			snprintf(where, sizeof(where), "#/input");
		ok &= read_one(list ? json_array_get(input, i) : input, max_bytes, where, &texts[i],
			       faults);
	}
	if (!ok) {
		free(texts);
		return false;
	}
	*out = texts;
	*n = (int)count;
	return true;
}
