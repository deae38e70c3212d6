/* config.json: see config.h. Facts: transformers, configuration_bert.py (names, defaults). */
#include "model/config.h"

#include "base/fields.h"
#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES	(4 << 20)
#define MAX_LABELS	10000
#define MAX_LABEL_BYTES 1024

const char *const bert_hidden_acts[] = { "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", NULL };

#define AT(member) offsetof(struct bert_config, member)
static const struct field members[] = {
	{ "vocab_size", F_INT, AT(vocab_size), .min = 1, .max = 1 << 24 },
	{ "hidden_size", F_INT, AT(hidden_size), .min = 1, .max = 1 << 14 },
	{ "num_hidden_layers", F_INT, AT(num_hidden_layers), .min = 1, .max = 256 },
	{ "num_attention_heads", F_INT, AT(num_attention_heads), .min = 1, .max = 1024 },
	{ "intermediate_size", F_INT, AT(intermediate_size), .min = 1, .max = 1 << 17 },
	{ "max_position_embeddings", F_INT, AT(max_position_embeddings), .min = 1, .max = 1 << 17 },
	{ "type_vocab_size", F_INT, AT(type_vocab_size), .min = 1, .max = 1024 },
	{ "pad_token_id", F_INT, AT(pad_token_id), .min = 0, .max = 1 << 24, .nullable = true },
	{ "layer_norm_eps", F_DOUBLE, AT(layer_norm_eps), .min = 0, .max = 1 },
	{ "hidden_dropout_prob", F_DOUBLE, AT(hidden_dropout_prob), .min = 0, .max = 0.999 },
	{ "attention_probs_dropout_prob", F_DOUBLE, AT(attention_probs_dropout_prob), .min = 0,
	  .max = 0.999 },
	{ "classifier_dropout", F_DOUBLE, AT(classifier_dropout), .min = 0, .max = 0.999,
	  .nullable = true },
	{ "initializer_range", F_DOUBLE, AT(initializer_range), .min = 0, .max = 10 },
	{ 0 },
};

/* Members that bert_config_write makes anew and that must not come back from the file. */
static const char *const replaced[] = { "architectures", "dtype",	  "torch_dtype",
					"id2label",	 "label2id",	  "num_labels",
					"_num_labels",	 "_name_or_path", "model_type",
					"problem_type",	 "hidden_act" };
#define N_REPLACED (sizeof(replaced) / sizeof(replaced[0]))

static void set_defaults(struct bert_config *c)
{
	*c = (struct bert_config){
		.vocab_size = 30522,
		.hidden_size = 768,
		.num_hidden_layers = 12,
		.num_attention_heads = 12,
		.intermediate_size = 3072,
		.max_position_embeddings = 512,
		.type_vocab_size = 2,
		.layer_norm_eps = 1e-12,
		.hidden_dropout_prob = 0.1,
		.attention_probs_dropout_prob = 0.1,
		.classifier_dropout = -1,
		.initializer_range = 0.02,
	};
}

/* --- reading --- */

static enum err read_members(const json_t *file, struct bert_config *c, struct errinfo *ei)
{
	struct faults faults = { 0 };
	enum err e = OK;

	for (const struct field *f = members; f->name; f++) {
		json_t *value = json_object_get(file, f->name);
		if (value)
			field_set(f, value, f->name, c, &faults);
	}
	if (faults_any(&faults)) {
		const json_t *first = json_array_get(faults.list, 0);
		e = err_set(ei, ERR_INVALID, "%s: %s",
			    json_string_value(json_object_get(first, "pointer")),
			    json_string_value(json_object_get(first, "detail")));
	}
	faults_clear(&faults);
	return e;
}

static enum err check_sizes(const struct bert_config *c, struct errinfo *ei)
{
	if (c->hidden_size % c->num_attention_heads != 0)
		return err_set(ei, ERR_INVALID,
			       "hidden_size %lld is not a multiple of num_attention_heads %lld",
			       (long long)c->hidden_size, (long long)c->num_attention_heads);
	if (c->pad_token_id >= c->vocab_size)
		return err_set(ei, ERR_INVALID,
			       "pad_token_id %lld is outside the vocabulary of %lld",
			       (long long)c->pad_token_id, (long long)c->vocab_size);
	return OK;
}

/* A string member that has to be `wanted` where it is present. */
static enum err check_word(const json_t *file, const char *name, const char *wanted,
			   struct errinfo *ei)
{
	const json_t *value = json_object_get(file, name);

	if (!value || json_is_null(value))
		return OK;
	if (!json_is_string(value))
		return err_set(ei, ERR_INVALID, "%s: must be a string", name);
	if (strcmp(json_string_value(value), wanted) != 0)
		return err_set(ei, ERR_UNSUPPORTED, "%s is \"%.60s\"; only \"%s\" is supported",
			       name, json_string_value(value), wanted);
	return OK;
}

static enum err check_kind(const json_t *file, struct errinfo *ei)
{
	static const char *const must_be_off[] = { "is_decoder", "add_cross_attention",
						   "quantization_config" };
	enum err e = check_word(file, "model_type", "bert", ei);

	if (e == OK)
		e = check_word(file, "position_embedding_type", "absolute", ei);
	for (size_t i = 0; i < sizeof(must_be_off) / sizeof(must_be_off[0]) && e == OK; i++) {
		const json_t *value = json_object_get(file, must_be_off[i]);
		if (value && !json_is_null(value) && !json_is_false(value))
			e = err_set(ei, ERR_UNSUPPORTED,
				    "%s is set; only plain BERT encoders are supported",
				    must_be_off[i]);
	}
	return e;
}

static enum err read_hidden_act(const json_t *file, struct bert_config *c, struct errinfo *ei)
{
	const json_t *value = json_object_get(file, "hidden_act");
	const char *name = value ? json_string_value(value) : "gelu";

	if (!name)
		return err_set(ei, ERR_INVALID, "hidden_act: must be a string");
	for (int i = 0; bert_hidden_acts[i]; i++) {
		if (strcmp(name, bert_hidden_acts[i]) == 0) {
			c->hidden_act = i;
			return OK;
		}
	}
	return err_set(
		ei, ERR_UNSUPPORTED,
		"hidden_act is \"%.60s\"; gelu, gelu_new, gelu_pytorch_tanh and relu are supported",
		name);
}

/* --- labels --- */

static enum err read_count(const json_t *file, int *out, struct errinfo *ei)
{
	const json_t *value = json_object_get(file, "num_labels");

	*out = 0;
	if (!value || json_is_null(value))
		return OK;
	if (!json_is_integer(value) || json_integer_value(value) < 1 ||
	    json_integer_value(value) > MAX_LABELS)
		return err_set(ei, ERR_INVALID, "num_labels: must be between 1 and %d", MAX_LABELS);
	*out = (int)json_integer_value(value);
	return OK;
}

static enum err read_names(const json_t *id2label, const char **names, size_t n, struct errinfo *ei)
{
	for (size_t i = 0; i < n; i++) {
		char key[16];
		snprintf(key, sizeof(key), "%zu", i);
		const json_t *name = json_object_get(id2label, key);
		if (!json_is_string(name))
			return err_set(ei, ERR_INVALID, "id2label: %zu entries, but no name for %s",
				       n, key);
		if (json_string_length(name) == 0 || json_string_length(name) > MAX_LABEL_BYTES)
			return err_set(ei, ERR_INVALID, "id2label.%s: must have 1 to %d bytes", key,
				       MAX_LABEL_BYTES);
		names[i] = json_string_value(name);
	}
	return OK;
}

/* label2id must be the inverse of names. */
static enum err check_inverse(const json_t *label2id, const char **names, size_t n,
			      struct errinfo *ei)
{
	if (!json_is_object(label2id) || json_object_size(label2id) != n)
		return err_set(ei, ERR_INVALID, "label2id: does not have the %zu names of id2label",
			       n);
	for (size_t i = 0; i < n; i++) {
		const json_t *id = json_object_get(label2id, names[i]);
		if (!json_is_integer(id) || json_integer_value(id) != (json_int_t)i)
			return err_set(ei, ERR_INVALID,
				       "label2id: \"%.100s\" is not %zu, as in id2label", names[i],
				       i);
	}
	return OK;
}

static enum err check_distinct(const char **names, size_t n, struct errinfo *ei)
{
	json_t *seen = json_object();
	enum err e = OK;

	for (size_t i = 0; i < n && e == OK; i++) {
		if (json_object_get(seen, names[i]))
			e = err_set(ei, ERR_INVALID, "id2label: \"%.100s\" stands for two ids",
				    names[i]);
		json_object_set_new(seen, names[i], json_true());
	}
	json_decref(seen);
	return e;
}

static enum err read_label_maps(const json_t *file, const json_t *id2label, int count,
				struct bert_config *c, struct errinfo *ei)
{
	size_t n = json_object_size(id2label);
	const json_t *label2id = json_object_get(file, "label2id");

	if (n < 1 || n > MAX_LABELS)
		return err_set(ei, ERR_INVALID, "id2label: must be an object of 1 to %d names",
			       MAX_LABELS);
	if (count && (size_t)count != n)
		return err_set(ei, ERR_INVALID, "num_labels is %d but id2label has %zu names",
			       count, n);
	const char **names = mem_zalloc(n, sizeof(*names));
	enum err e = read_names(id2label, names, n, ei);
	if (e == OK)
		e = check_distinct(names, n, ei);
	if (e == OK && label2id && !json_is_null(label2id))
		e = check_inverse(label2id, names, n, ei);
	if (e == OK)
		bert_config_set_labels(c, (int)n, names);
	free(names);
	return e;
}

static enum err read_labels(const json_t *file, struct bert_config *c, struct errinfo *ei)
{
	const json_t *id2label = json_object_get(file, "id2label");
	int count;
	enum err e = read_count(file, &count, ei);

	if (e != OK)
		return e;
	if (id2label && !json_is_null(id2label))
		return read_label_maps(file, id2label, count, c, ei);
	bert_config_set_labels(c, count ? count : 2, NULL);
	return OK;
}

void bert_config_set_labels(struct bert_config *c, int num_labels, const char *const *labels)
{
	char **copy = mem_zalloc((size_t)num_labels, sizeof(*copy));

	for (int i = 0; i < num_labels; i++)
		copy[i] = labels ? mem_strdup(labels[i]) : mem_printf("LABEL_%d", i);
	for (int i = 0; i < c->num_labels; i++)
		free(c->labels[i]);
	free(c->labels);
	c->labels = copy;
	c->num_labels = num_labels;
}

json_t *bert_config_labels(const struct bert_config *c)
{
	json_t *labels = json_array();

	for (int i = 0; i < c->num_labels; i++)
		json_array_append_new(labels, json_string(c->labels[i]));
	return labels;
}

/* --- the file --- */

static enum err read_object(const json_t *file, struct bert_config *c, struct errinfo *ei)
{
	if (!json_is_object(file))
		return err_set(ei, ERR_INVALID, "not an object");
	enum err e = check_kind(file, ei);
	if (e == OK)
		e = read_members(file, c, ei);
	if (e == OK)
		e = check_sizes(c, ei);
	if (e == OK)
		e = read_hidden_act(file, c, ei);
	return e == OK ? read_labels(file, c, ei) : e;
}

static void keep_rest(json_t *file, struct bert_config *c)
{
	c->rest = json_incref(file);
	for (const struct field *f = members; f->name; f++)
		json_object_del(c->rest, f->name);
	for (size_t i = 0; i < N_REPLACED; i++)
		json_object_del(c->rest, replaced[i]);
}

static enum err parse(const struct buf *text, struct bert_config *out, struct errinfo *ei)
{
	json_t *file = NULL;
	enum err e = json_parse(text->data ? text->data : "", text->len, &file, ei);

	set_defaults(out);
	if (e == OK)
		e = read_object(file, out, ei);
	if (e == OK)
		keep_rest(file, out);
	else
		bert_config_clear(out);
	json_decref(file);
	return e;
}

enum err bert_config_read(const char *dir, struct bert_config *out, struct errinfo *ei)
{
	char *path = mem_printf("%s/config.json", dir);
	struct buf text = { 0 };
	struct errinfo why;
	enum err e = files_read(path, MAX_BYTES, &text, ei);

	free(path);
	if (e == OK) {
		e = parse(&text, out, &why);
		if (e != OK)
			err_set(ei, e, "config.json: %.400s", why.msg);
	}
	buf_clear(&text);
	return e;
}

static json_t *label_maps(const struct bert_config *c, json_t **label2id)
{
	json_t *id2label = json_object();

	*label2id = json_object();
	for (int i = 0; i < c->num_labels; i++) {
		char key[16];
		snprintf(key, sizeof(key), "%d", i);
		json_object_set_new(id2label, key, json_string(c->labels[i]));
		json_object_set_new(*label2id, c->labels[i], json_integer(i));
	}
	return id2label;
}

/* fields_write gives every member of the table; the file says null where there is no
 * classifier_dropout. */
static json_t *to_json(const struct bert_config *c)
{
	json_t *file = fields_write(members, c), *label2id;
	json_t *id2label = label_maps(c, &label2id);

	if (c->classifier_dropout < 0)
		json_object_set_new(file, "classifier_dropout", json_null());
	json_object_set_new(file, "architectures",
			    json_pack("[s]", "BertForSequenceClassification"));
	json_object_set_new(file, "model_type", json_string("bert"));
	json_object_set_new(file, "dtype", json_string("float32"));
	json_object_set_new(file, "problem_type", json_string("single_label_classification"));
	json_object_set_new(file, "hidden_act", json_string(bert_hidden_acts[c->hidden_act]));
	json_object_set_new(file, "id2label", id2label);
	json_object_set_new(file, "label2id", label2id);
	if (c->rest)
		json_object_update_missing(file, c->rest);
	return file;
}

/* 17 digits would turn 0.1 into 0.10000000000000001. 15 suffice for every decimal somebody wrote.
 */
enum err bert_config_write(const struct bert_config *c, const char *dir, struct errinfo *ei)
{
	json_t *file = to_json(c);
	char *text = json_dumps(file, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
	char *path = mem_printf("%s/config.json", dir);

	BUG_ON(!text);
	enum err e = files_write(path, text, strlen(text), ei);
	free(text);
	free(path);
	json_decref(file);
	return e;
}

int64_t bert_config_n_parameters(const struct bert_config *c)
{
	int64_t h = c->hidden_size, norm = 2 * h, inner = c->intermediate_size;
	int64_t tables = (c->vocab_size + c->max_position_embeddings + c->type_vocab_size) * h;
	int64_t attention = 4 * (h * h + h) + norm;
	int64_t feed_forward = h * inner + inner + inner * h + h + norm;

	return tables + norm + c->num_hidden_layers * (attention + feed_forward) + h * h + h +
	       c->num_labels * (h + 1);
}

void bert_config_clear(struct bert_config *c)
{
	for (int i = 0; i < c->num_labels; i++)
		free(c->labels[i]);
	free(c->labels);
	json_decref(c->rest);
	*c = (struct bert_config){ 0 };
}
