/* The "dataset" object of a job: see dataset.h. */
#include "data/dataset.h"

#include "base/mem.h"
#include "data/labels.h"
#include "data/textset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 256  /* of a column */
#define FILE_MAX_BYTES 4096 /* of what names a file */
#define ROWS_MAX       4294967296.0
#define DEFAULT_SEED   42 /* as TrainingArguments.seed */

const char *const split_names[] = { "train", "validation", "test", NULL };

/* The object as it stands, before its parts are checked against one another. */
struct raw_spec {
	json_t *splits[N_SPLITS];
	char *text_column, *text_pair_column, *label_column;
	json_t *labels;
	double validation_split;
};

/* clang-format off */
#define COLUMN_FIELDS \
	{ "text_column", F_STRING, offsetof(struct raw_spec, text_column), .min = 1, \
	  .max = NAME_MAX_BYTES, .help = "The column of the texts." }, \
	{ "text_pair_column", F_STRING, offsetof(struct raw_spec, text_pair_column), .min = 1, \
	  .max = NAME_MAX_BYTES, .nullable = true, \
	  .help = "The column of the second texts, for pairs." }, \
	{ "label_column", F_STRING, offsetof(struct raw_spec, label_column), .min = 1, \
	  .max = NAME_MAX_BYTES, .help = "The column of the labels." }
/* clang-format on */

static const struct field spec_fields[] = {
	{ "train", F_ANY, offsetof(struct raw_spec, splits[SPLIT_TRAIN]), .required = true,
	  .nullable = true,
	  .help = "The rows to train on: a file, or an object with file, sample, "
		  "random_state and rows." },
	{ "validation", F_ANY, offsetof(struct raw_spec, splits[SPLIT_VALIDATION]),
	  .nullable = true, .help = "The rows to evaluate on while training." },
	{ "test", F_ANY, offsetof(struct raw_spec, splits[SPLIT_TEST]), .nullable = true,
	  .help = "The rows to evaluate on once, at the end." },
	COLUMN_FIELDS,
	{ "labels", F_ARRAY, offsetof(struct raw_spec, labels), .nullable = true,
	  .help = "The names of the classes in the order of their indices." },
	{ "validation_split", F_DOUBLE, offsetof(struct raw_spec, validation_split), .min = 0,
	  .max = 1, .above_min = true, .nullable = true,
	  .help = "The share of the training rows to evaluate on instead." },
	{ 0 },
};

static const struct field test_fields[] = {
	{ "test", F_ANY, offsetof(struct raw_spec, splits[SPLIT_TEST]), .required = true,
	  .help = "The rows to evaluate on." },
	COLUMN_FIELDS,
	{ 0 },
};

struct raw_split {
	char *file;
	int64_t sample, random_state;
	json_t *rows;
};

static const struct field split_fields[] = {
	{ "file", F_STRING, offsetof(struct raw_split, file), .min = 1, .max = FILE_MAX_BYTES,
	  .required = true, .help = "The file." },
	{ "sample", F_INT, offsetof(struct raw_split, sample), .min = 1, .max = ROWS_MAX,
	  .nullable = true, .help = "How many rows to pick at random." },
	{ "random_state", F_INT, offsetof(struct raw_split, random_state), .max = UINT32_MAX,
	  .nullable = true, .help = "The seed of that choice." },
	{ "rows", F_ARRAY, offsetof(struct raw_split, rows), .nullable = true,
	  .help = "The first row and the one behind the last, after sampling." },
	{ 0 },
};

static bool row_number(const json_t *value, int64_t *out)
{
	*out = (int64_t)json_integer_value(value);
	return json_is_integer(value) && *out >= 0 && (double)*out <= ROWS_MAX;
}

static bool read_rows(const json_t *rows, const char *pointer, struct split_spec *split,
		      struct faults *faults)
{
	char where[FIELDS_POINTER_SIZE];
	const json_t *last = json_array_get(rows, 1);

	if (!rows)
		return true;
	if (json_array_size(rows) == 2 && row_number(json_array_get(rows, 0), &split->first)) {
		if (json_is_null(last))
			return true;
		if (row_number(last, &split->last) && split->first < split->last)
			return true;
	}
	split->first = 0;
	split->last = -1;
	faults_add(faults, fields_pointer(pointer, "rows", where),
		   "must be [first, last] with 0 <= first < last; last itself is not included, and "
		   "null is the end");
	return false;
}

static bool read_split(const json_t *value, const char *pointer, struct split_spec *split,
		       struct faults *faults)
{
	struct raw_split raw = { .sample = -1, .random_state = -1 };
	char where[FIELDS_POINTER_SIZE];
	bool ok;

	if (json_is_string(value))
		return field_set(&split_fields[0], value, pointer, &split->file, faults);
	if (!json_is_object(value)) {
		faults_add(faults, pointer, "must be a string or an object");
		return false;
	}
	ok = fields_read(split_fields, value, pointer, &raw, faults);
	ok &= read_rows(raw.rows, pointer, split, faults);
	if (raw.random_state >= 0 && raw.sample < 0) {
		faults_add(faults, fields_pointer(pointer, "random_state", where),
			   "has no effect without sample");
		ok = false;
	}
	split->file = raw.file;
	raw.file = NULL;
	split->sample = raw.sample;
	if (raw.random_state >= 0)
		split->random_state = raw.random_state;
	fields_clear(split_fields, &raw);
	return ok;
}

/* Why a value cannot be the next label, or NULL. */
static const char *unfit_label(const json_t *value, const struct textset *known)
{
	struct text_key key = { .text = json_string_value(value),
				.text_len = json_string_length(value) };

	if (!json_is_string(value))
		return "must be a string";
	if (key.text_len == 0 || key.text_len > LABEL_MAX_BYTES)
		return "its length must be at least 1 and at most 256";
	if (strlen(key.text) != key.text_len)
		return "must not hold the character U+0000";
	return textset_find(known, &key) < 0 ? NULL : "stands twice";
}

static bool read_label_list(const json_t *list, const char *pointer, struct dataset_spec *spec,
			    struct faults *faults)
{
	struct textset known;
	char where[FIELDS_POINTER_SIZE], number[24];
	size_t i;
	json_t *value;
	bool ok = true;

	textset_init(&known);
	spec->labels = mem_zalloc(json_array_size(list), sizeof(char *));
	json_array_foreach((json_t *)list, i, value) {
		const char *unfit = unfit_label(value, &known);
		if (unfit) {
			snprintf(number, sizeof(number), "%zu", i);
			faults_add(faults, fields_pointer(pointer, number, where), "%s", unfit);
			ok = false;
			continue;
		}
		char *name = mem_strdup(json_string_value(value));
		textset_add(&known, &(struct text_key){ .text = name, .text_len = strlen(name) });
		spec->labels[spec->n_labels++] = name;
	}
	textset_clear(&known);
	return ok;
}

static bool read_labels(const json_t *list, const char *pointer, struct dataset_spec *spec,
			struct faults *faults)
{
	char where[FIELDS_POINTER_SIZE];
	size_t n = json_array_size(list);
	int most = dataset_default_limits.max_labels;

	if (!list)
		return true;
	fields_pointer(pointer, "labels", where);
	if (n >= 2 && n <= (size_t)most)
		return read_label_list(list, where, spec, faults);
	faults_add(faults, where, "must be 2 to %d names", most);
	return false;
}

/* What no single field can tell. */
static bool check_whole(const struct raw_spec *raw, const char *pointer, struct faults *faults)
{
	char where[FIELDS_POINTER_SIZE];
	const char *names[] = { raw->text_column, raw->label_column, raw->text_pair_column };
	static const char *const fields[] = { "text_column", "label_column", "text_pair_column" };
	bool ok = true;

	for (int i = 1; i < 3; i++) {
		for (int j = 0; names[i] && j < i; j++) {
			if (strcmp(names[i], names[j]) != 0)
				continue;
			faults_add(faults, fields_pointer(pointer, fields[i], where),
				   "is the same column as %s", fields[j]);
			ok = false;
		}
	}
	if (raw->validation_split >= 1) {
		faults_add(faults, fields_pointer(pointer, "validation_split", where),
			   "must be below 1");
		ok = false;
	}
	if (raw->validation_split > 0 && raw->splits[SPLIT_VALIDATION]) {
		faults_add(faults, fields_pointer(pointer, "validation_split", where),
			   "cannot be given together with validation");
		ok = false;
	}
	return ok;
}

static bool read_spec(const struct field *table, const json_t *object, const char *pointer,
		      struct dataset_spec *spec, struct faults *faults)
{
	struct raw_spec raw = { .text_column = mem_strdup("text"),
				.label_column = mem_strdup("label") };
	char where[FIELDS_POINTER_SIZE];
	bool ok = fields_read(table, object, pointer, &raw, faults);

	*spec = (struct dataset_spec){ .seed = DEFAULT_SEED };
	ok &= check_whole(&raw, pointer, faults);
	for (int s = 0; s < N_SPLITS; s++) {
		struct split_spec *split = &spec->splits[s];
		*split = (struct split_spec){ .sample = -1,
					      .random_state = DEFAULT_SEED,
					      .last = -1 };
		if (raw.splits[s])
			ok &= read_split(raw.splits[s],
					 fields_pointer(pointer, split_names[s], where), split,
					 faults);
	}
	ok &= read_labels(raw.labels, pointer, spec, faults);
	spec->text_column = raw.text_column;
	spec->text_pair_column = raw.text_pair_column;
	spec->label_column = raw.label_column;
	spec->validation_split = raw.validation_split;
	raw.text_column = raw.text_pair_column = raw.label_column = NULL;
	fields_clear(spec_fields, &raw);
	return ok;
}

bool dataset_spec_read(const json_t *object, const char *pointer, struct dataset_spec *spec,
		       struct faults *faults)
{
	return read_spec(spec_fields, object, pointer, spec, faults);
}

bool dataset_spec_read_test(const json_t *object, const char *pointer, struct dataset_spec *spec,
			    struct faults *faults)
{
	return read_spec(test_fields, object, pointer, spec, faults);
}

static json_t *write_split(const struct split_spec *split)
{
	json_t *object = json_object();

	if (!split->file) {
		json_decref(object);
		return json_null();
	}
	json_object_set_new(object, "file", json_string(split->file));
	if (split->sample >= 0) {
		json_object_set_new(object, "sample", json_integer(split->sample));
		json_object_set_new(object, "random_state", json_integer(split->random_state));
	}
	if (split->first > 0 || split->last >= 0) {
		json_t *rows = json_array();
		json_array_append_new(rows, json_integer(split->first));
		json_array_append_new(rows,
				      split->last >= 0 ? json_integer(split->last) : json_null());
		json_object_set_new(object, "rows", rows);
	}
	return object;
}

static json_t *write_string(const char *s)
{
	return s ? json_string(s) : json_null();
}

json_t *dataset_spec_write(const struct dataset_spec *spec)
{
	json_t *object = json_object(), *labels = spec->n_labels ? json_array() : json_null();

	for (int s = 0; s < N_SPLITS; s++)
		json_object_set_new(object, split_names[s], write_split(&spec->splits[s]));
	json_object_set_new(object, "text_column", write_string(spec->text_column));
	json_object_set_new(object, "text_pair_column", write_string(spec->text_pair_column));
	json_object_set_new(object, "label_column", write_string(spec->label_column));
	for (int i = 0; i < spec->n_labels; i++)
		json_array_append_new(labels, json_string(spec->labels[i]));
	json_object_set_new(object, "labels", labels);
	json_object_set_new(object, "validation_split",
			    spec->validation_split > 0 ? json_real(spec->validation_split)
						       : json_null());
	return object;
}

void dataset_spec_clear(struct dataset_spec *spec)
{
	for (int s = 0; s < N_SPLITS; s++)
		free(spec->splits[s].file);
	for (int i = 0; i < spec->n_labels; i++)
		free(spec->labels[i]);
	free(spec->labels);
	free(spec->text_column);
	free(spec->text_pair_column);
	free(spec->label_column);
	*spec = (struct dataset_spec){ 0 };
}
