/* The parts of tokenizer.json: see tokenizer_fast.h. */
#include "text/tokenizer_fast.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *type_of(const struct source *src)
{
	const char *type = json_string_value(json_object_get(src->json, "type"));

	return type ? type : "of no type";
}

/* Old files have no type in model; then what it holds must say that it is WordPiece. */
enum err fast_check_model(const struct source *fast, struct source *model, struct errinfo *ei)
{
	const char *type = NULL;
	enum err e = source_object(fast, "model", model, ei);

	if (e != OK || (e = source_string(model, "type", &type, ei)) != OK)
		return e;
	if (!model->json)
		return err_set(ei, ERR_INVALID, "tokenizer.json has no model");
	if (!type)
		type = json_object_get(model->json, "merges")		      ? "BPE"
		       : json_is_array(json_object_get(model->json, "vocab")) ? "Unigram"
		       : !json_object_get(model->json, "unk_token")	      ? "WordLevel"
									      : "WordPiece";
	if (strcmp(type, "WordPiece") != 0)
		return err_set(ei, ERR_UNSUPPORTED,
			       "the model of tokenizer.json is %s, not WordPiece", type);
	return OK;
}

enum err fast_read_normalizer(const struct source *fast, struct tokenizer *t, struct errinfo *ei)
{
	struct normalizer *nz = &t->normalizer;
	struct source src;
	bool strip = false;
	enum err e = source_object(fast, "normalizer", &src, ei);

	if (e != OK)
		return e;
	if (!src.json || strcmp(type_of(&src), "BertNormalizer") != 0)
		return err_set(ei, ERR_UNSUPPORTED,
			       "the normalizer of tokenizer.json is %s, not BertNormalizer",
			       src.json ? type_of(&src) : "null");
	*nz = (struct normalizer){ .clean_text = true,
				   .handle_chinese_chars = true,
				   .lowercase = true };
	if (json_is_boolean(json_object_get(src.json, "strip_accents")))
		t->strip_accents = json_is_true(json_object_get(src.json, "strip_accents"));
	if ((e = source_bool(&src, "clean_text", &nz->clean_text, ei)) != OK ||
	    (e = source_bool(&src, "handle_chinese_chars", &nz->handle_chinese_chars, ei)) != OK ||
	    (e = source_bool(&src, "strip_accents", &strip, ei)) != OK)
		return e;
	return source_bool(&src, "lowercase", &nz->lowercase, ei);
}

enum err fast_check_pre_tokenizer(const struct source *fast, struct errinfo *ei)
{
	struct source src;
	enum err e = source_object(fast, "pre_tokenizer", &src, ei);

	if (e == OK && (!src.json || strcmp(type_of(&src), "BertPreTokenizer") != 0))
		return err_set(ei, ERR_UNSUPPORTED,
			       "the pre_tokenizer of tokenizer.json is %s, not BertPreTokenizer",
			       src.json ? type_of(&src) : "null");
	return e;
}

/* One step of a template: "A" and "B" for the texts, else the special token's name; NULL when it is
 * not of that form or has another type id. */
static const char *template_step(const json_t *steps, size_t i, int type_id, bool *special)
{
	json_t *step = json_array_get(steps, i);
	json_t *body = json_object_get(step, "SpecialToken");

	*special = body != NULL;
	if (!body)
		body = json_object_get(step, "Sequence");
	if (json_number_value(json_object_get(body, "type_id")) != type_id)
		return NULL;
	return json_string_value(json_object_get(body, "id"));
}

/* Whether steps are as in want, where '[' stands for cls, ']' for sep, and the digit behind each
 * for its type id. */
static bool template_is(const json_t *steps, const char *want, const char **cls, const char **sep)
{
	bool special;
	size_t n = strlen(want) / 2;

	if (json_array_size(steps) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		char kind = want[2 * i];
		const char *id = template_step(steps, i, want[2 * i + 1] - '0', &special);
		const char **name = kind == '[' ? cls : sep;
		if (!id || special != (kind == '[' || kind == ']'))
			return false;
		if (!special && (id[0] != kind || id[1]))
			return false;
		if (special && *name && strcmp(*name, id) != 0)
			return false;
		if (special)
			*name = id;
	}
	return true;
}

/* The specials' names from the post-processor, which must do what BERT's does. */
enum err fast_read_post_processor(const struct source *fast, const char **cls, const char **sep,
				  struct errinfo *ei)
{
	struct source src;
	enum err e = source_object(fast, "post_processor", &src, ei);

	if (e != OK)
		return e;
	*cls = *sep = NULL;
	if (strcmp(type_of(&src), "BertProcessing") == 0) {
		*cls = json_string_value(json_array_get(json_object_get(src.json, "cls"), 0));
		*sep = json_string_value(json_array_get(json_object_get(src.json, "sep"), 0));
		if (*cls && *sep)
			return OK;
	}
	if (strcmp(type_of(&src), "TemplateProcessing") == 0 &&
	    template_is(json_object_get(src.json, "single"), "[0A0]0", cls, sep) &&
	    template_is(json_object_get(src.json, "pair"), "[0A0]0B1]1", cls, sep))
		return OK;
	return err_set(ei, ERR_UNSUPPORTED,
		       "the post_processor of tokenizer.json does not make [CLS] A [SEP] and [CLS] "
		       "A [SEP] B [SEP]; "
		       "its type is %s",
		       src.json ? type_of(&src) : "null");
}

enum err fast_read_limits(const struct source *model, struct vocab *v, struct errinfo *ei)
{
	const char *unk = NULL, *prefix = BERT_PREFIX;
	json_t *max = json_object_get(model->json, "max_input_chars_per_word");
	double max_chars = max ? json_number_value(max) : BERT_MAX_CHARS;
	enum err e = source_string(model, "unk_token", &unk, ei);

	if (e != OK || (e = source_string(model, "continuing_subword_prefix", &prefix, ei)) != OK)
		return e;
	if (!unk)
		return err_set(ei, ERR_INVALID, "tokenizer.json: model has no unk_token");
	if (!(max_chars >= 1 && max_chars <= VOCAB_MAX_WORD))
		return err_set(ei, ERR_UNSUPPORTED,
			       "tokenizer.json: max_input_chars_per_word is not between 1 and %d",
			       VOCAB_MAX_WORD);
	v->unk_token = mem_strdup(unk);
	v->prefix = mem_strdup(prefix);
	v->max_chars = (int)max_chars;
	return OK;
}
