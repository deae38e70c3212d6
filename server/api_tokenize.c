/* POST /tokenize: what the model's tokenizer makes of a text. */
#include "api.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/mem.h"
#include "page.h"
#include "shared.h"
#include "texts.h"

struct tokenize_body {
	char *model;
	json_t *input, *padding;
	int64_t max_length; /* 0: no limit but the tokenizer's own when truncation is asked for */
	bool truncation;
};

static const struct field fields[] = {
	{ "model", F_STRING, offsetof(struct tokenize_body, model), 1, 160, .nullable = true,
	  .help = "as in POST /classify" },
	{ "input", F_ANY, offsetof(struct tokenize_body, input), .required = true,
	  .help = "as in POST /classify" },
	{ "max_length", F_INT, offsetof(struct tokenize_body, max_length), 2, 1000000,
	  .nullable = true, .help = "tokens of a text, with specials" },
	{ "padding", F_ANY, offsetof(struct tokenize_body, padding), .nullable = true,
	  .help = "true or \"longest\", \"max_length\", false or \"do_not_pad\"" },
	{ "truncation", F_BOOL, offsetof(struct tokenize_body, truncation),
	  .help = "cut what is longer than max_length" },
	{ 0 },
};

enum padding { PAD_NONE, PAD_LONGEST, PAD_MAX_LENGTH };

static enum padding read_padding(const json_t *v, struct faults *faults)
{
	const char *name = json_string_value(v);

	if (!v || json_is_false(v) || (name && strcmp(name, "do_not_pad") == 0))
		return PAD_NONE;
	if (json_is_true(v) || (name && strcmp(name, "longest") == 0))
		return PAD_LONGEST;
	if (name && strcmp(name, "max_length") == 0)
		return PAD_MAX_LENGTH;
	faults_add(faults, "#/padding",
		   "must be true, false, \"longest\", \"max_length\" or \"do_not_pad\"");
	return PAD_NONE;
}

static json_t *encoding_json(const struct tokenizer *t, const struct encoding *enc, int index,
			     int width)
{
	json_t *ids = json_array(), *types = json_array(), *mask = json_array(),
	       *tokens = json_array();

	for (int i = 0; i < width || i < enc->n; i++) {
		bool real = i < enc->n;
		int32_t id = real ? enc->input_ids[i] : tokenizer_pad_id(t);
		json_array_append_new(ids, json_integer(id));
		json_array_append_new(types, json_integer(real ? enc->token_type_ids[i] : 0));
		json_array_append_new(mask, json_integer(real));
		json_array_append_new(tokens, json_string(tokenizer_token(t, id)));
	}
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:b}", "index", index, "input_ids", ids,
			 "token_type_ids", types, "attention_mask", mask, "tokens", tokens,
			 "truncated", enc->truncated);
}

static int longest(const struct encoding *encs, int n)
{
	int width = 0;

	for (int i = 0; i < n; i++)
		if (encs[i].n > width)
			width = encs[i].n;
	return width;
}

static enum err encode_all(const struct tokenizer *t, const struct text_input *texts, int n,
			   int max_length, struct encoding *encs, struct errinfo *ei)
{
	for (int i = 0; i < n; i++) {
		struct errinfo why;
		enum err e = tokenizer_encode(t, texts[i].text, texts[i].len, texts[i].pair,
					      texts[i].pair_len, max_length, &encs[i], &why);
		if (e != OK)
			return err_set(ei, e, "input %d: %s", i, why.msg);
	}
	return OK;
}

static void answer(struct web_res *rs, const struct tokenizer *t, const struct encoding *encs,
		   int n, int width, const char *model)
{
	json_t *data = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(data, encoding_json(t, &encs[i], i, width));
	web_json(rs, 200,
		 json_pack("{s:s, s:s, s:o}", "object", "list", "model", model, "data", data));
}

static void tokenize(struct app *app, const struct web_req *rq, struct web_res *rs,
		     const struct tokenize_body *body, enum padding padding,
		     const struct text_input *texts, int n, const struct model_place *place)
{
	const struct tokenizer *t;
	struct errinfo ei;
	enum err e = serve_tokenizer(app->serve, place->id, place->dir, &t, &ei);

	if (e != OK) {
		web_fail(rq, rs, e, &ei);
		return;
	}
	struct encoding *encs = mem_zalloc((size_t)n, sizeof(*encs));
	int limit = body->max_length ? (int)body->max_length : tokenizer_model_max_length(t);
	e = encode_all(t, texts, n, body->truncation ? limit : 0, encs, &ei);
	if (e == OK)
		answer(rs, t, encs, n,
		       padding == PAD_NONE	? 0
		       : padding == PAD_LONGEST ? longest(encs, n)
						: limit,
		       place->id);
	else
		web_fail(rq, rs, e, &ei);
	for (int i = 0; i < n; i++)
		encoding_clear(&encs[i]);
	free(encs);
	serve_tokenizer_release(app->serve, t);
}

/* Padding to an absurd length would make an answer of any size. */
static void check_width(const struct tokenize_body *body, enum padding padding, int n,
			struct faults *faults)
{
	if (padding == PAD_MAX_LENGTH && body->max_length * n > 1000000)
		faults_add(faults, "#/max_length",
			   "must be smaller: padded answers hold at most 1000000 tokens");
}

void tokenize_create(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct tokenize_body body = { 0 };
	struct faults faults = { 0 };
	struct model_place place = { 0 };
	struct text_input *texts = NULL;
	json_t *json = body_json(rq, rs);
	int n = 0;

	if (!json)
		return;
	fields_read(fields, json, "#", &body, &faults);
	enum padding padding = read_padding(body.padding, &faults);
	if (body.input)
		texts_read(body.input, app->config->max_classify_texts, app->config->max_text_bytes,
			   &texts, &n, &faults);
	check_width(&body, padding, n, &faults);
	if (faults_any(&faults))
		web_fail_faults(rq, rs, "the request is not valid", &faults);
	else if (api_find_model(app, rq, rs, body.model, &place))
		tokenize(app, rq, rs, &body, padding, texts, n, &place);
	model_place_clear(&place);
	free(texts);
	fields_clear(fields, &body);
	faults_clear(&faults);
	json_decref(json);
}
