/* From data files to a file of encoded rows: see token_build.h. */
#include "jobs/token_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/report.h"
#include "data/tokens_writer.h"

/* Part of every key: to be raised when the same request gives another file than before. */
#define KEY_VERSION 1

#define ASK_AFTER 10000 /* rows */

/* --- the key --- */

/* The hashes of the files that make a tokenizer; null for those that are not there. */
static enum err tokenizer_identity(const char *dir, json_t **out, struct errinfo *ei)
{
	static const char *const names[] = { "vocab.txt", "tokenizer.json", "tokenizer_config.json",
					     "special_tokens_map.json", "added_tokens.json" };
	json_t *hashes = json_object();
	enum err e = OK;

	for (size_t i = 0; e == OK && i < sizeof(names) / sizeof(*names); i++) {
		char *path = mem_printf("%s/%s", dir, names[i]);
		char sha256[SHA256_HEX_SIZE];

		e = hash_file(path, sha256, ei);
		json_object_set_new(hashes, names[i], e == OK ? json_string(sha256) : json_null());
		if (e == ERR_NOT_FOUND)
			e = OK;
		free(path);
	}
	if (e == OK)
		*out = hashes;
	else
		json_decref(hashes);
	return e;
}

/* The spec with the content in the place of each name. */
static json_t *data_identity(const struct dataset_spec *spec, const struct data_files *files)
{
	json_t *object = dataset_spec_write(spec);

	for (int s = 0; s < N_SPLITS; s++)
		if (spec->splits[s].file)
			json_object_set_new(json_object_get(object, split_names[s]), "file",
					    json_string(files->splits[s].sha256));
	json_object_set_new(object, "seed", json_integer(spec->seed));
	return object;
}

enum err token_key(const struct token_request *r, const struct data_files *files, char *out,
		   struct errinfo *ei)
{
	struct buf text = { 0 };
	json_t *tokenizer;
	enum err e = tokenizer_identity(r->tokenizer_dir, &tokenizer, ei);

	if (e != OK)
		return e;
	json_t *all = json_pack("{s:i, s:o, s:o, s:i, s:i}", "version", KEY_VERSION, "data",
				data_identity(r->data, files), "tokenizer", tokenizer, "max_length",
				r->max_length, "model_max_length", r->model_max_length);
	json_print(all, &text);
	hash_hex(text.data, text.len, out);
	buf_clear(&text);
	json_decref(all);
	return OK;
}

/* --- the file --- */

struct build {
	const struct token_request *r;
	struct dataset *data;
	struct encoder *encoder;
	struct tokens_writer *writer;
	int64_t n_rows;
};

static enum err take(void *build, enum split s, int64_t place, const struct example *x,
		     struct errinfo *ei)
{
	struct build *b = build;
	const struct token_request *r = b->r;

	if (b->n_rows++ % ASK_AFTER == 0 && r->cancelled && r->cancelled(r->cancelled_ctx))
		return err_set(ei, ERR_CANCELLED, "stopped while the data was encoded");
	return encoder_add(b->encoder, s, place, x, ei);
}

static json_t *report_of(const struct build *b)
{
	struct report_input in = { .labels = dataset_labels(b->data),
				   .n_labels = dataset_n_labels(b->data),
				   .max_length = b->r->max_length,
				   .model_max_length = b->r->model_max_length,
				   .n_special = b->r->data->text_pair_column ? 3 : 2 };

	for (int s = 0; s < N_SPLITS; s++) {
		in.facts[s] = tokens_writer_facts(b->writer, (enum split)s);
		in.n[s] = dataset_n(b->data, (enum split)s);
	}
	return data_report(&in);
}

static enum err open_writer(struct build *b, const char *path, struct errinfo *ei)
{
	int64_t n[N_SPLITS];

	for (int s = 0; s < N_SPLITS; s++)
		n[s] = dataset_n(b->data, (enum split)s);
	return tokens_writer_open(path, n, tokenizer_vocab_size(b->r->tokenizer), &b->writer, ei);
}

static enum err encode(struct build *b, int threads, const uint64_t seed[2], struct faults *faults,
		       struct errinfo *ei)
{
	b->encoder = encoder_new(&(struct encoder_config){ .tokenizer = b->r->tokenizer,
							   .max_length = b->r->max_length,
							   .threads = threads,
							   .seed = { seed[0], seed[1] },
							   .take = tokens_writer_put,
							   .ctx = b->writer });
	enum err e = dataset_read(b->data, take, b, faults, ei);
	if (e == OK)
		e = encoder_finish(b->encoder, ei);
	encoder_free(b->encoder);
	return e;
}

static enum err finish(struct build *b, struct errinfo *ei)
{
	json_t *report = report_of(b);
	enum err e = tokens_writer_finish(b->writer, dataset_labels(b->data),
					  dataset_n_labels(b->data), report, ei);

	json_decref(report);
	return e;
}

enum err token_build(const struct token_request *r, struct data_files *files,
		     const struct token_build_config *c, struct faults *faults, struct errinfo *ei)
{
	struct build b = { .r = r };
	enum err e = dataset_open(r->data, &dataset_default_limits, c->scratch, data_files_hand_out,
				  files, &b.data, faults, ei);

	if (e != OK)
		return e;
	e = open_writer(&b, c->path, ei);
	if (e == OK)
		e = encode(&b, c->threads, c->seed, faults, ei);
	if (e == OK)
		e = finish(&b, ei);
	tokens_writer_free(b.writer);
	dataset_close(b.data);
	return e;
}
