/* Opening a tokenizer: what AutoTokenizer.from_pretrained of transformers 5 makes of the same
 * directory.
 *
 * With a tokenizer_config.json the class it names decides. BertTokenizer takes the vocabulary from
 * tokenizer.json, or from vocab.txt when there is none, and everything else from
 * tokenizer_config.json: the normaliser in tokenizer.json does not count. PreTrainedTokenizerFast
 * takes tokenizer.json as it is. Without a tokenizer_config.json, a tokenizer.json is taken as it
 * is, and a vocab.txt as BertTokenizer's defaults. */
#include "text/tokenizer_fast.h"

#include "base/mem.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What lies in the directory. */
struct files {
	struct source config;  /* tokenizer_config.json */
	struct source fast;    /* tokenizer.json */
	struct source special; /* special_tokens_map.json */
	struct source added;   /* added_tokens.json */
};

static enum err read_files(const char *dir, struct files *f, struct errinfo *ei)
{
	enum err e;

	if ((e = source_read(dir, "tokenizer_config.json", &f->config, ei)) != OK ||
	    (e = source_read(dir, "tokenizer.json", &f->fast, ei)) != OK ||
	    (e = source_read(dir, "special_tokens_map.json", &f->special, ei)) != OK)
		return e;
	return source_read(dir, "added_tokens.json", &f->added, ei);
}

static void clear_files(struct files *f)
{
	source_clear(&f->config);
	source_clear(&f->fast);
	source_clear(&f->special);
	source_clear(&f->added);
}

/* ---- which way ---- */

static bool same_class(const char *name, const char *known)
{
	size_t n = strlen(known);

	return strncmp(name, known, n) == 0 && (!name[n] || strcmp(name + n, "Fast") == 0);
}

/* The class that opens the folder: the named one, else by what there is. */
static enum err class_name(const struct files *f, const char **name, struct errinfo *ei)
{
	bool only_fast = f->fast.json && !f->config.json;

	*name = only_fast ? "PreTrainedTokenizerFast" : "BertTokenizer";
	return source_string(&f->config, "tokenizer_class", name, ei);
}

/* Whether tokenizer.json is taken as it is. ERR_UNSUPPORTED for the class of another model. */
static enum err choose_way(const struct files *f, bool *as_is, struct errinfo *ei)
{
	static const struct {
		const char *name;
		bool as_is;
	} classes[] = {
		{ "BertTokenizer", false },	 { "DistilBertTokenizer", false },
		{ "ElectraTokenizer", false },	 { "MobileBertTokenizer", false },
		{ "ConvBertTokenizer", false },	 { "SqueezeBertTokenizer", false },
		{ "PreTrainedTokenizer", true }, { "TokenizersBackend", true },
	};
	const char *name;
	enum err e = class_name(f, &name, ei);

	for (size_t i = 0; i < COUNT(classes) && e == OK; i++) {
		if (!same_class(name, classes[i].name))
			continue;
		*as_is = classes[i].as_is;
		if (*as_is && !f->fast.json)
			return err_set(ei, ERR_NOT_FOUND,
				       "there is no tokenizer.json, which tokenizer_class %s needs",
				       name);
		return OK;
	}
	return e != OK ? e
		       : err_set(ei, ERR_UNSUPPORTED, "tokenizer_class is %s, not BertTokenizer",
				 name);
}

/* ---- special and added tokens ---- */

static void set_role(struct tokenizer *t, enum tokenizer_role role, const char *content)
{
	free(t->roles[role]);
	t->roles[role] = content ? mem_strdup(content) : NULL;
}

/* The added tokens of a list of tokens ("added_tokens", "extra_special_tokens"). */
static enum err add_list(struct tokenizer *t, const struct source *src, const char *key,
			 struct errinfo *ei)
{
	json_t *list = json_object_get(src->json, key), *value;
	struct added_token token;
	size_t i;
	enum err e = OK;

	if (!list || json_is_null(list))
		return OK;
	if (!json_is_array(list))
		return err_set(ei, ERR_INVALID, "%s: %s is not a list", src->name, key);
	json_array_foreach(list, i, value) {
		if ((e = source_token(src, key, value, &token, ei)) != OK ||
		    (e = added_put(&t->added, &t->vocab, &token, ei)) != OK)
			return e;
	}
	return e;
}

struct numbered {
	double id;
	struct added_token token;
};

static int compare_numbered(const void *a, const void *b)
{
	double x = ((const struct numbered *)a)->id, y = ((const struct numbered *)b)->id;

	return (x > y) - (x < y);
}

/* The tokens in the order of their numbers; the numbers themselves do not count, as in
 * transformers. */
static enum err add_numbered(struct tokenizer *t, struct numbered *list, size_t n,
			     struct errinfo *ei)
{
	enum err e = OK;

	qsort(list, n, sizeof *list, compare_numbered);
	for (size_t i = 0; i < n && e == OK; i++)
		e = added_put(&t->added, &t->vocab, &list[i].token, ei);
	return e;
}

/* added_tokens_decoder of tokenizer_config.json: {"101": {"content": "[CLS]", …}}. */
static enum err add_decoder(struct tokenizer *t, const struct source *config, struct errinfo *ei)
{
	struct source decoder;
	const char *key;
	json_t *value;
	size_t n = 0;
	enum err e = source_object(config, "added_tokens_decoder", &decoder, ei);

	if (e != OK || !decoder.json)
		return e;
	struct numbered *list = mem_zalloc(json_object_size(decoder.json) + 1, sizeof *list);
	json_object_foreach(decoder.json, key, value) {
		list[n].id = strtod(key, NULL);
		e = source_token(config, "added_tokens_decoder", value, &list[n++].token, ei);
		if (e != OK)
			break;
	}
	if (e == OK)
		e = add_numbered(t, list, n, ei);
	free(list);
	return e;
}

static bool is_role(const struct tokenizer *t, const char *content)
{
	for (int i = 0; i < N_ROLES; i++)
		if (t->roles[i] && strcmp(t->roles[i], content) == 0)
			return true;
	return false;
}

/* added_tokens.json of old tokenizers: {"token": id}. */
static enum err add_old_list(struct tokenizer *t, const struct source *added, struct errinfo *ei)
{
	struct numbered *list = mem_zalloc(json_object_size(added->json) + 1, sizeof *list);
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(added->json, key, value) {
		bool special = is_role(t, key);
		list[n++] = (struct numbered){
			json_number_value(value),
			{ .content = (char *)key, .special = special, .normalized = !special }
		};
	}
	enum err e = add_numbered(t, list, n, ei);
	free(list);
	return e;
}

/* The roles as src names them; those with flags of their own are left in tokens. */
static enum err read_roles(struct tokenizer *t, const struct source *src,
			   struct added_token tokens[N_ROLES], struct errinfo *ei)
{
	for (int i = 0; i < N_ROLES; i++) {
		json_t *value = json_object_get(src->json, tokenizer_role_keys[i]);
		if (!value)
			continue;
		if (json_is_null(value)) {
			set_role(t, (enum tokenizer_role)i, NULL);
			continue;
		}
		enum err e = source_token(src, tokenizer_role_keys[i], value, &tokens[i], ei);
		if (e != OK)
			return e;
		tokens[i].special = true;
		set_role(t, (enum tokenizer_role)i, tokens[i].content);
	}
	return OK;
}

static enum err add_extras(struct tokenizer *t, const struct source *src, struct errinfo *ei)
{
	bool extra = json_is_array(json_object_get(src->json, "extra_special_tokens"));

	return add_list(t, src, extra ? "extra_special_tokens" : "additional_special_tokens", ei);
}

/* The added tokens that the files list, then the named ones that are not among them. */
static enum err add_tokens(struct tokenizer *t, const struct files *f, bool as_is,
			   struct errinfo *ei)
{
	struct added_token roles[N_ROLES] = { 0 };
	bool decoder = json_object_get(f->config.json, "added_tokens_decoder") != NULL;
	enum err e = OK;

	if (as_is)
		e = add_list(t, &f->fast, "added_tokens", ei);
	if (e != OK || (e = read_roles(t, &f->config, roles, ei)) != OK)
		return e;
	if (!decoder && (e = read_roles(t, &f->special, roles, ei)) != OK)
		return e;
	if (decoder)
		e = add_decoder(t, &f->config, ei);
	else if ((e = add_old_list(t, &f->added, ei)) == OK && !as_is)
		e = add_list(t, &f->fast, "added_tokens", ei);
	for (int i = 0; i < N_ROLES && e == OK; i++) {
		if (!t->roles[i] || added_find(&t->added, t->roles[i]))
			continue;
		struct added_token token = roles[i];
		token.content = t->roles[i];
		token.special = true;
		e = added_put(&t->added, &t->vocab, &token, ei);
	}
	if (e == OK)
		e = add_extras(t, &f->config, ei);
	if (e == OK && !decoder)
		e = add_extras(t, &f->special, ei);
	return e;
}

/* ---- the two ways ---- */

static enum err read_bert_switches(const struct source *config, struct tokenizer *t,
				   struct errinfo *ei)
{
	struct normalizer *nz = &t->normalizer;
	bool strip = false;
	enum err e;

	*nz = (struct normalizer){ .clean_text = true,
				   .handle_chinese_chars = true,
				   .lowercase = true };
	if (json_is_boolean(json_object_get(config->json, "strip_accents")))
		t->strip_accents = json_is_true(json_object_get(config->json, "strip_accents"));
	if ((e = source_bool(config, "do_lower_case", &nz->lowercase, ei)) != OK ||
	    (e = source_bool(config, "strip_accents", &strip, ei)) != OK)
		return e;
	return source_bool(config, "tokenize_chinese_chars", &nz->handle_chinese_chars, ei);
}

static enum err open_bert(const char *dir, const struct files *f, struct tokenizer *t,
			  struct errinfo *ei)
{
	struct added_token ignored[N_ROLES];
	struct source model = { 0 };
	enum err e = read_bert_switches(&f->config, t, ei);

	set_role(t, ROLE_UNK, "[UNK]");
	set_role(t, ROLE_SEP, "[SEP]");
	set_role(t, ROLE_PAD, "[PAD]");
	set_role(t, ROLE_CLS, "[CLS]");
	set_role(t, ROLE_MASK, "[MASK]");
	if (e == OK)
		e = read_roles(t, &f->config, ignored, ei);
	if (e == OK && !json_object_get(f->config.json, "added_tokens_decoder"))
		e = read_roles(t, &f->special, ignored, ei);
	if (e == OK && f->fast.json && (e = fast_check_model(&f->fast, &model, ei)) == OK)
		e = source_vocab_json(&model, &t->vocab, ei);
	else if (e == OK)
		e = source_vocab_txt(dir, &t->vocab, ei);
	if (e == ERR_NOT_FOUND)
		return err_set(ei, e, "there is neither vocab.txt nor tokenizer.json");
	if (e != OK)
		return e;
	if (!t->roles[ROLE_UNK] || !t->roles[ROLE_CLS] || !t->roles[ROLE_SEP])
		return err_set(ei, ERR_INVALID,
			       "one of unk_token, cls_token and sep_token is null");
	t->vocab.unk_token = mem_strdup(t->roles[ROLE_UNK]);
	t->vocab.prefix = mem_strdup(BERT_PREFIX);
	t->vocab.max_chars = BERT_MAX_CHARS;
	if ((e = vocab_index(&t->vocab, ei)) != OK)
		return e;
	return add_tokens(t, f, false, ei);
}

static enum err open_as_is(const struct files *f, struct tokenizer *t, struct errinfo *ei)
{
	const char *cls, *sep;
	struct source model;
	enum err e;

	if ((e = fast_check_model(&f->fast, &model, ei)) != OK ||
	    (e = fast_read_normalizer(&f->fast, t, ei)) != OK ||
	    (e = fast_check_pre_tokenizer(&f->fast, ei)) != OK ||
	    (e = fast_read_post_processor(&f->fast, &cls, &sep, ei)) != OK ||
	    (e = fast_read_limits(&model, &t->vocab, ei)) != OK ||
	    (e = source_vocab_json(&model, &t->vocab, ei)) != OK ||
	    (e = vocab_index(&t->vocab, ei)) != OK)
		return e;
	if ((e = add_tokens(t, f, true, ei)) != OK)
		return e;
	set_role(t, ROLE_UNK, t->vocab.unk_token);
	set_role(t, ROLE_CLS, cls);
	set_role(t, ROLE_SEP, sep);
	if (!t->roles[ROLE_PAD] && vocab_id(&t->vocab, "[PAD]") >= 0)
		set_role(t, ROLE_PAD, "[PAD]");
	if (!t->roles[ROLE_MASK] && added_find(&t->added, "[MASK]"))
		set_role(t, ROLE_MASK, "[MASK]");
	return OK;
}

static enum err read_model_max_length(const struct source *config, struct tokenizer *t,
				      struct errinfo *ei)
{
	json_t *v = json_object_get(config->json, "model_max_length");

	t->model_max_length = MODEL_MAX_LENGTH_DEFAULT;
	if (!v || json_is_null(v))
		return OK;
	double n = json_number_value(v);
	if (!json_is_number(v) || !(n >= 1))
		return err_set(ei, ERR_INVALID,
			       "tokenizer_config.json: model_max_length is not a number from 1");
	if (n <= MODEL_MAX_LENGTH_LIMIT)
		t->model_max_length = (int)n;
	return OK;
}

static int32_t id_of(const struct tokenizer *t, enum tokenizer_role role)
{
	const char *content = t->roles[role];
	const struct added_token *token = content ? added_find(&t->added, content) : NULL;

	return token ? token->id : content ? vocab_id(&t->vocab, content) : -1;
}

/* An added token hides one of the vocabulary that has the same id. */
static void name_ids(struct tokenizer *t)
{
	t->n_names = t->vocab.n_ids;
	for (int i = 0; i < t->added.n; i++)
		if (t->added.tokens[i].id >= t->n_names)
			t->n_names = t->added.tokens[i].id + 1;
	t->names = mem_zalloc((size_t)t->n_names, sizeof *t->names);
	for (int i = 0; i < t->vocab.n_ids; i++)
		t->names[i] = t->vocab.tokens[i];
	for (int i = 0; i < t->added.n; i++)
		t->names[t->added.tokens[i].id] = t->added.tokens[i].content;
}

static enum err finish(struct tokenizer *t, struct errinfo *ei)
{
	struct normalizer *nz = &t->normalizer;

	nz->strip_accents = t->strip_accents < 0 ? nz->lowercase : t->strip_accents;
	normalizer_prepare(nz);
	added_index(&t->added, nz);
	name_ids(t);
	t->cls = id_of(t, ROLE_CLS);
	t->sep = id_of(t, ROLE_SEP);
	t->pad = id_of(t, ROLE_PAD);
	if (t->pad < 0)
		t->pad = 0;
	if (t->cls < 0 || t->sep < 0)
		return err_set(ei, ERR_INVALID, "the vocabulary has no %s",
			       t->cls < 0 ? t->roles[ROLE_CLS] : t->roles[ROLE_SEP]);
	return OK;
}

enum err tokenizer_open(const char *dir, struct tokenizer **out, struct errinfo *ei)
{
	struct tokenizer *t = mem_zalloc(1, sizeof *t);
	struct files f = { 0 };
	bool as_is = false;
	enum err e;

	unicode_init();
	t->strip_accents = -1;
	if ((e = read_files(dir, &f, ei)) == OK && (e = choose_way(&f, &as_is, ei)) == OK &&
	    (e = read_model_max_length(&f.config, t, ei)) == OK)
		e = as_is ? open_as_is(&f, t, ei) : open_bert(dir, &f, t, ei);
	if (e == OK)
		e = finish(t, ei);
	clear_files(&f);
	if (e == OK)
		*out = t;
	else
		tokenizer_free(t);
	return e;
}
