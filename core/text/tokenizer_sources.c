/* The files of a tokenizer: see tokenizer_sources.h. */
#include "text/tokenizer_sources.h"

#include "base/buf.h"
#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX   (64u << 20) /* bytes of one file; the largest vocabularies in use have 5 MB */
#define VALUES_MAX (1u << 20)  /* of JSON; the largest in use have 250,000 */

/* The messages of files.h hold the path, which no client may see. */
static enum err read_file(const char *dir, const char *name, struct buf *out, struct errinfo *ei)
{
	char *path = mem_printf("%s/%s", dir, name);
	struct errinfo inner;
	enum err e = files_read(path, FILE_MAX, out, &inner);

	free(path);
	if (e == ERR_NOT_FOUND)
		return err_set(ei, e, "there is no %s", name);
	if (e == ERR_TOO_LARGE)
		return err_set(ei, e, "%s is larger than %u bytes", name, FILE_MAX);
	if (e != OK)
		return err_set(ei, e, "%s cannot be read", name);
	return OK;
}

static enum err parse(const char *text, size_t len, const char *name, json_t **out,
		      struct errinfo *ei)
{
	struct errinfo why;
	json_error_t je;

	if (json_check_shape(text, len, VALUES_MAX, &why) != OK)
		return err_set(ei, ERR_INVALID, "%s: %s", name, why.msg);
	*out = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &je);
	if (!*out)
		return err_set(ei, ERR_INVALID, "%s, line %d, column %d: %s", name, je.line,
			       je.column, je.text);
	if (!json_is_object(*out))
		return err_set(ei, ERR_INVALID, "%s is not a JSON object", name);
	return OK;
}

enum err source_read(const char *dir, const char *name, struct source *src, struct errinfo *ei)
{
	struct buf text = { 0 };
	enum err e = read_file(dir, name, &text, ei);

	*src = (struct source){ .name = name };
	if (e == OK)
		e = parse(text.data ? text.data : "", text.len, name, &src->json, ei);
	buf_clear(&text);
	return e == ERR_NOT_FOUND ? OK : e;
}

void source_clear(struct source *src)
{
	json_decref(src->json);
	src->json = NULL;
}

static json_t *member(const struct source *src, const char *key)
{
	json_t *v = json_object_get(src->json, key);

	return json_is_null(v) ? NULL : v;
}

enum err source_bool(const struct source *src, const char *key, bool *out, struct errinfo *ei)
{
	json_t *v = member(src, key);

	if (v && !json_is_boolean(v))
		return err_set(ei, ERR_INVALID, "%s: %s is neither true nor false", src->name, key);
	if (v)
		*out = json_is_true(v);
	return OK;
}

enum err source_string(const struct source *src, const char *key, const char **out,
		       struct errinfo *ei)
{
	json_t *v = member(src, key);

	if (v && !json_is_string(v))
		return err_set(ei, ERR_INVALID, "%s: %s is not a string", src->name, key);
	if (v)
		*out = json_string_value(v);
	return OK;
}

enum err source_object(const struct source *src, const char *key, struct source *out,
		       struct errinfo *ei)
{
	json_t *v = member(src, key);

	*out = (struct source){ v, src->name };
	if (v && !json_is_object(v))
		return err_set(ei, ERR_INVALID, "%s: %s is not an object", src->name, key);
	return OK;
}

enum err source_token(const struct source *src, const char *key, const json_t *value,
		      struct added_token *out, struct errinfo *ei)
{
	struct source object = { (json_t *)value, src->name };
	const char *content = NULL;
	enum err e;

	*out = (struct added_token){ .special = true };
	if (json_is_string(value)) {
		out->content = (char *)json_string_value(value);
		return OK;
	}
	if (!json_is_object(value) || !json_is_string(json_object_get(value, "content")))
		return err_set(ei, ERR_INVALID,
			       "%s: %s is neither a string nor an object with content", src->name,
			       key);
	out->special = false;
	if ((e = source_string(&object, "content", &content, ei)) != OK ||
	    (e = source_bool(&object, "special", &out->special, ei)) != OK)
		return e;
	out->content = (char *)content;
	out->normalized = !out->special;
	if ((e = source_bool(&object, "normalized", &out->normalized, ei)) != OK ||
	    (e = source_bool(&object, "single_word", &out->single_word, ei)) != OK ||
	    (e = source_bool(&object, "lstrip", &out->lstrip, ei)) != OK)
		return e;
	return source_bool(&object, "rstrip", &out->rstrip, ei);
}

static size_t without_trailing_space(const char *line, size_t len)
{
	const unsigned char *start = (const unsigned char *)line, *p = start + len;

	while (p > start && (uni_flags(utf8_before(start, p)) & UNI_SPACE))
		do
			p--;
		while ((*p & 0xC0) == 0x80);
	return (size_t)(p - start);
}

static enum err vocab_lines(const char *text, size_t len, struct vocab *v, struct errinfo *ei)
{
	const char *p = text, *end = text + len;

	for (int32_t id = 0; p < end; id++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);
		if (id == VOCAB_MAX_IDS)
			return err_set(ei, ERR_INVALID, "vocab.txt has more than %d lines",
				       VOCAB_MAX_IDS);
		if (memchr(p, '\0', n))
			return err_set(ei, ERR_INVALID, "vocab.txt, line %d: a zero byte", id + 1);
		vocab_put(v, id, p, without_trailing_space(p, n));
		p += n + 1;
	}
	return OK;
}

enum err source_vocab_txt(const char *dir, struct vocab *v, struct errinfo *ei)
{
	struct buf text = { 0 };
	enum err e = read_file(dir, "vocab.txt", &text, ei);

	if (e == OK) {
		size_t valid = utf8_valid_length(text.data, text.len);
		if (valid < text.len)
			e = err_set(ei, ERR_INVALID, "vocab.txt is not valid UTF-8 at byte %zu",
				    valid);
		else
			e = vocab_lines(text.data, text.len, v, ei);
	}
	buf_clear(&text);
	return e;
}

enum err source_vocab_json(const struct source *model, struct vocab *v, struct errinfo *ei)
{
	struct source tokens;
	const char *token;
	json_t *value;
	enum err e = source_object(model, "vocab", &tokens, ei);

	if (e != OK)
		return e;
	if (!tokens.json)
		return err_set(ei, ERR_INVALID, "%s: model has no vocab", model->name);
	json_object_foreach(tokens.json, token, value) {
		double id = json_is_real(value) ? json_real_value(value) : -1;
		if (!(id >= 0 && id < VOCAB_MAX_IDS) || id != (int32_t)id)
			return err_set(ei, ERR_INVALID,
				       "%s: the id of a token is not an integer below %d: %s",
				       model->name, VOCAB_MAX_IDS, token);
		if ((int32_t)id < v->n_ids && v->tokens[(int32_t)id])
			return err_set(ei, ERR_INVALID, "%s: two tokens have the id %d, one is %s",
				       model->name, (int)id, token);
		vocab_put(v, (int32_t)id, token, strlen(token));
	}
	return OK;
}
