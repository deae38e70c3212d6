/* Writing a tokenizer: see tokenizer_save() in tokenizer.h. transformers takes the vocabulary and
 * the added tokens from tokenizer.json and the rest from tokenizer_config.json; vocab.txt and
 * special_tokens_map.json are for other readers. */
#include "text/tokenizer_parts.h"

#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static json_t *strip_accents_json(const struct tokenizer *t)
{
	return t->strip_accents < 0 ? json_null() : json_boolean(t->strip_accents);
}

/* One token a line. An id without a token gets the line of the last one, whose last line is the one
 * that counts. */
static void print_vocab_txt(const struct vocab *v, struct buf *out)
{
	for (int i = 0; i < v->n_ids; i++) {
		buf_puts(out, v->tokens[i] ? v->tokens[i] : v->tokens[v->n_ids - 1]);
		buf_putc(out, '\n');
	}
}

static json_t *vocab_json(const struct vocab *v)
{
	json_t *vocab = json_object();

	for (int i = 0; i < v->n_ids; i++)
		if (v->tokens[i])
			json_object_set_new(vocab, v->tokens[i], json_integer(i));
	return vocab;
}

static json_t *added_json(const struct tokenizer *t)
{
	json_t *list = json_array();

	for (int i = 0; i < t->added.n; i++) {
		const struct added_token *a = &t->added.tokens[i];
		json_array_append_new(list, json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id",
						      a->id, "content", a->content, "single_word",
						      a->single_word, "lstrip", a->lstrip, "rstrip",
						      a->rstrip, "normalized", a->normalized,
						      "special", a->special));
	}
	return list;
}

static json_t *special_step(const char *token, int type_id)
{
	return json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", token, "type_id", type_id);
}

static json_t *text_step(const char *name, int type_id)
{
	return json_pack("{s:{s:s, s:i}}", "Sequence", "id", name, "type_id", type_id);
}

static json_t *post_processor_json(const struct tokenizer *t)
{
	const char *cls = t->roles[ROLE_CLS], *sep = t->roles[ROLE_SEP];
	json_t *specials = json_object();

	json_object_set_new(
		specials, cls,
		json_pack("{s:s, s:[i], s:[s]}", "id", cls, "ids", t->cls, "tokens", cls));
	json_object_set_new(
		specials, sep,
		json_pack("{s:s, s:[i], s:[s]}", "id", sep, "ids", t->sep, "tokens", sep));
	return json_pack("{s:s, s:[o,o,o], s:[o,o,o,o,o], s:o}", "type", "TemplateProcessing",
			 "single", special_step(cls, 0), text_step("A", 0), special_step(sep, 0),
			 "pair", special_step(cls, 0), text_step("A", 0), special_step(sep, 0),
			 text_step("B", 1), special_step(sep, 1), "special_tokens", specials);
}

static json_t *normalizer_json(const struct tokenizer *t)
{
	const struct normalizer *nz = &t->normalizer;

	return json_pack("{s:s, s:b, s:b, s:o, s:b}", "type", "BertNormalizer", "clean_text",
			 nz->clean_text, "handle_chinese_chars", nz->handle_chinese_chars,
			 "strip_accents", strip_accents_json(t), "lowercase", nz->lowercase);
}

static json_t *fast_json(const struct tokenizer *t)
{
	const struct vocab *v = &t->vocab;

	return json_pack("{s:s, s:n, s:n, s:o, s:o, s:{s:s}, s:o, s:{s:s, s:s, s:b}, s:{s:s, s:s, "
			 "s:s, s:i, s:o}}",
			 "version", "1.0", "truncation", "padding", "added_tokens", added_json(t),
			 "normalizer", normalizer_json(t), "pre_tokenizer", "type",
			 "BertPreTokenizer", "post_processor", post_processor_json(t), "decoder",
			 "type", "WordPiece", "prefix", v->prefix, "cleanup", 1, "model", "type",
			 "WordPiece", "unk_token", v->unk_token, "continuing_subword_prefix",
			 v->prefix, "max_input_chars_per_word", v->max_chars, "vocab",
			 vocab_json(v));
}

/* Only those that are added tokens: a reader makes the named ones added tokens, too, and would find
 * them in texts. with_nulls: the others are null, so that no reader falls back to its own default.
 */
static json_t *roles_json(const struct tokenizer *t, bool with_nulls)
{
	json_t *roles = json_object();

	for (int i = 0; i < N_ROLES; i++) {
		const char *token =
			t->roles[i] && added_find(&t->added, t->roles[i]) ? t->roles[i] : NULL;
		if (token || with_nulls)
			json_object_set_new(roles, tokenizer_role_keys[i],
					    token ? json_string(token) : json_null());
	}
	return roles;
}

/* BertTokenizer knows only its own limits and has [CLS], [SEP] and [UNK] among the added tokens;
 * another tokenizer.json has to be taken as it is. */
static const char *class_name(const struct tokenizer *t)
{
	static const enum tokenizer_role needed[] = { ROLE_CLS, ROLE_SEP, ROLE_UNK };
	const struct vocab *v = &t->vocab;
	bool bert = t->normalizer.clean_text && strcmp(v->prefix, BERT_PREFIX) == 0 &&
		    v->max_chars == BERT_MAX_CHARS;

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		bert = bert && added_find(&t->added, t->roles[needed[i]]);
	return bert ? "BertTokenizer" : "PreTrainedTokenizerFast";
}

static json_t *config_json(const struct tokenizer *t)
{
	json_t *config = roles_json(t, true);
	json_t *rest =
		json_pack("{s:b, s:o, s:b, s:i, s:s}", "do_lower_case", t->normalizer.lowercase,
			  "strip_accents", strip_accents_json(t), "tokenize_chinese_chars",
			  t->normalizer.handle_chinese_chars, "model_max_length",
			  t->model_max_length, "tokenizer_class", class_name(t));

	BUG_ON(!rest || json_object_update(config, rest) != 0);
	json_decref(rest);
	return config;
}

static enum err write_file(const char *dir, const char *name, const struct buf *content,
			   struct errinfo *ei)
{
	char *path = mem_printf("%s/%s", dir, name);
	enum err e = files_write(path, content->data, content->len, ei);

	free(path);
	return e;
}

/* Takes the value. */
static enum err write_json(const char *dir, const char *name, json_t *value, struct errinfo *ei)
{
	struct buf text = { 0 };

	BUG_ON(!value);
	json_print(value, &text);
	buf_putc(&text, '\n');
	enum err e = write_file(dir, name, &text, ei);
	buf_clear(&text);
	json_decref(value);
	return e;
}

enum err tokenizer_save(const struct tokenizer *t, const char *dir, struct errinfo *ei)
{
	struct buf text = { 0 };
	enum err e;

	print_vocab_txt(&t->vocab, &text);
	e = write_file(dir, "vocab.txt", &text, ei);
	buf_clear(&text);
	if (e != OK || (e = write_json(dir, "tokenizer.json", fast_json(t), ei)) != OK ||
	    (e = write_json(dir, "tokenizer_config.json", config_json(t), ei)) != OK)
		return e;
	return write_json(dir, "special_tokens_map.json", roles_json(t, false), ei);
}
