/* The body of POST /jobs: see spec.h. What becomes of it before training is in prepare.c. */
#include "jobs/spec.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES	   64
#define METADATA_MAX	   16
#define METADATA_KEY_MAX   64
#define METADATA_VALUE_MAX 512

/* The body as it stands, before its parts are read by who knows them. */
struct body {
	char *model;
	json_t *dataset;
	int64_t max_length;
	json_t *args;
	char *name;
	json_t *metadata;
};

const struct field job_spec_fields[] = {
	{ "model", F_STRING, offsetof(struct body, model), .min = 1, .max = 160, .required = true,
	  .help = "The base model, or a finished one to train further." },
	{ "dataset", F_OBJECT, offsetof(struct body, dataset), .required = true,
	  .help = "The labelled texts." },
	{ "max_length", F_INT, offsetof(struct body, max_length), .min = 2, .max = 32768,
	  .help = "Tokens that are kept of a text, with the special ones." },
	{ "args", F_OBJECT, offsetof(struct body, args), .nullable = true,
	  .help = "Training arguments by the names of transformers.TrainingArguments." },
	{ "name", F_STRING, offsetof(struct body, name), .min = 1, .max = NAME_MAX_BYTES,
	  .nullable = true, .help = "A name for the result, which /classify takes." },
	{ "metadata", F_OBJECT, offsetof(struct body, metadata), .nullable = true,
	  .help = "At most 16 strings that are kept with the job." },
	{ 0 },
};

const char *job_name_fault(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";

	if (!*name || strlen(name) > NAME_MAX_BYTES)
		return "must be 1 to 64 bytes long";
	if (strspn(name, allowed) != strlen(name))
		return "may hold letters, digits, \".\", \"_\" and \"-\" only";
	if (strncmp(name, "job_", 4) == 0 || strncmp(name, "mdl_", 4) == 0 ||
	    strncmp(name, "ds_", 3) == 0)
		return "must not start like an id (job_, mdl_, ds_)";
	return NULL;
}

/* Its length was checked with the fields. */
static bool check_name(const char *name, struct faults *faults)
{
	const char *fault = name ? job_name_fault(name) : NULL;

	if (fault)
		faults_add(faults, "#/name", "%s", fault);
	return !fault;
}

static const char *metadata_fault(const char *key, const json_t *value)
{
	if (!*key || strlen(key) > METADATA_KEY_MAX)
		return "its name must be 1 to 64 bytes long";
	if (!json_is_string(value))
		return "must be a string";
	if (json_string_length(value) > METADATA_VALUE_MAX)
		return "must be at most 512 bytes long";
	return NULL;
}

static bool check_metadata(const json_t *metadata, struct faults *faults)
{
	char where[FIELDS_POINTER_SIZE];
	const char *key;
	json_t *value;
	bool ok = true;

	if (json_object_size(metadata) > METADATA_MAX) {
		faults_add(faults, "#/metadata", "must have at most 16 members");
		return false;
	}
	json_object_foreach((json_t *)metadata, key, value) {
		const char *fault = metadata_fault(key, value);
		if (!fault)
			continue;
		faults_add(faults, fields_pointer("#/metadata", key, where), "%s", fault);
		ok = false;
	}
	return ok;
}

static bool check_max_length(const struct body *b, const struct dataset_spec *d,
			     struct faults *faults)
{
	if (!d->text_pair_column || b->max_length >= 3)
		return true;
	faults_add(faults, "#/max_length", "must be at least 3 for pairs of texts");
	return false;
}

/* The parts that are objects; a missing one was reported already. */
static bool read_parts(const struct body *b, struct job_spec *out, struct faults *faults)
{
	bool ok = true;

	if (b->dataset)
		ok = dataset_spec_read(b->dataset, "#/dataset", &out->dataset, faults);
	/* A split that is missing or wrong is no reason to blame the arguments too. */
	const json_t *asked = json_object_get(b->dataset, "validation");
	bool has_validation =
		!b->dataset || (asked && !json_is_null(asked)) || out->dataset.validation_split > 0;
	ok &= train_args_read(b->args, "#/args", has_validation, &out->args, faults);
	out->dataset.seed = out->args.seed; /* one seed decides everything that is drawn */
	return ok;
}

bool job_spec_read(const json_t *body, struct job_spec *out, struct faults *faults)
{
	struct body b = { .max_length = 64 };
	bool ok = fields_read(job_spec_fields, body, "#", &b, faults);

	memset(out, 0, sizeof(*out));
	ok &= read_parts(&b, out, faults);
	ok &= check_max_length(&b, &out->dataset, faults);
	ok &= check_name(b.name, faults);
	ok &= check_metadata(b.metadata, faults);
	out->model = b.model;
	out->max_length = b.max_length;
	out->name = b.name;
	out->metadata = b.metadata;
	b.model = b.name = NULL;
	b.metadata = NULL;
	fields_clear(job_spec_fields, &b);
	return ok;
}

enum err job_spec_parse(const char *text, struct job_spec *out, struct errinfo *ei)
{
	struct faults faults = { 0 };
	json_t *body = NULL;
	enum err e = json_parse(text, strlen(text), &body, ei);

	memset(out, 0, sizeof(*out));
	if (e == OK && !job_spec_read(body, out, &faults))
		e = err_set(ei, ERR_DB, "the stored job is not one that this version takes");
	json_decref(body);
	faults_clear(&faults);
	return e;
}

json_t *job_spec_write(const struct job_spec *s)
{
	json_t *args = train_args_write(&s->args);
	json_t *dataset = dataset_spec_write(&s->dataset);
	struct body b = { s->model, dataset, s->max_length, args, s->name, s->metadata };
	json_t *o = fields_write(job_spec_fields, &b);

	json_decref(dataset);
	json_decref(args);
	return o;
}

void job_spec_clear(struct job_spec *s)
{
	free(s->model);
	free(s->name);
	json_decref(s->metadata);
	dataset_spec_clear(&s->dataset);
	train_args_clear(&s->args);
	memset(s, 0, sizeof(*s));
}
