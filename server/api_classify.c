/* POST /classify: texts in, labels and scores out. The handler submits; the inference thread's
 * callback answers. */
#include "api.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/ids.h"
#include "base/mem.h"
#include "page.h"
#include "shared.h"
#include "texts.h"

struct classify_body {
	char *model;
	json_t *input;
	int64_t top_k;	       /* 0: all labels */
	int function_to_apply; /* enum serve_function; -1: what the model asks for */
	int64_t max_length;    /* 0: what the model takes */
	bool truncation;
};

static const struct field fields[] = {
	{ "model", F_STRING, offsetof(struct classify_body, model), 1, 160, .nullable = true,
	  .help = "mdl_…, a job id, job_…/checkpoint-N, a job's name or a base model; the server's "
		  "default when absent" },
	{ "input", F_ANY, offsetof(struct classify_body, input), .required = true,
	  .help = "a text, a list of texts, or a list of {\"text\", \"text_pair\"}" },
	{ "top_k", F_INT, offsetof(struct classify_body, top_k), 1, 1000000, .nullable = true,
	  .help = "labels in scores, best first; null: all" },
	{ "function_to_apply", F_ENUM, offsetof(struct classify_body, function_to_apply),
	  .names = serve_functions,
	  .help = "softmax, sigmoid or none; absent: what the model's config.json asks for" },
	{ "max_length", F_INT, offsetof(struct classify_body, max_length), 2, 1000000,
	  .nullable = true, .help = "tokens of a text, with specials" },
	{ "truncation", F_BOOL, offsetof(struct classify_body, truncation),
	  .help = "cut what is longer; false: refuse it" },
	{ 0 },
};

/* What the callback needs beside the serve_request. */
struct pending {
	struct web_later *later;
	char *model; /* as the client named it */
	int64_t top_k;
	int function; /* as function_to_apply */
};

static json_t *scores_json(const float *scores, char *const *labels, int n, int64_t top_k,
			   int *best)
{
	bool *taken = mem_zalloc((size_t)n, sizeof(*taken));
	json_t *list = json_array();

	for (int64_t k = 0; k < n && k < top_k; k++) {
		int top = -1;
		for (int i = 0; i < n; i++)
			if (!taken[i] && (top < 0 || scores[i] > scores[top]))
				top = i;
		taken[top] = true;
		if (k == 0)
			*best = top;
		json_array_append_new(list, json_pack("{s:s, s:f}", "label", labels[top], "score",
						      (double)scores[top]));
	}
	free(taken);
	return list;
}

static json_t *text_json(const struct serve_request *srq, int index, const struct pending *p)
{
	const struct serve_text *t = &srq->texts[index];
	int n = srq->num_labels, best = 0;
	float *scores = mem_alloc((size_t)n * sizeof(*scores));

	enum serve_function f =
		p->function < 0 ? srq->default_function : (enum serve_function)p->function;
	serve_scores(t->logits, n, f, scores);
	json_t *list = scores_json(scores, srq->labels, n, p->top_k ? p->top_k : n, &best);
	json_t *o = json_pack("{s:i, s:s, s:f, s:o, s:i, s:b}", "index", index, "label",
			      srq->labels[best], "score", (double)scores[best], "scores", list,
			      "tokens", t->tokens, "truncated", t->truncated);
	free(scores);
	return o;
}

static void answer(const struct serve_request *srq, const struct pending *p, struct web_res *rs)
{
	json_t *data = json_array();
	char id[ID_SIZE];
	json_int_t tokens = 0;

	ids_new("cls_", id);
	for (int i = 0; i < srq->n_texts; i++) {
		tokens += srq->texts[i].tokens;
		json_array_append_new(data, text_json(srq, i, p));
	}
	web_json(rs, 200,
		 json_pack("{s:s, s:s, s:s, s:o, s:{s:I, s:I}}", "id", id, "object", "list",
			   "model", p->model, "data", data, "usage", "prompt_tokens", tokens,
			   "total_tokens", tokens));
}

static void pending_free(struct pending *p)
{
	free(p->model);
	free(p);
}

/* On the inference thread. */
static void classified(void *ctx, struct serve_request *srq)
{
	struct pending *p = ctx;
	struct web_res *rs = web_later_res(p->later);

	if (srq->error == OK)
		answer(srq, p, rs);
	else
		web_fail(web_later_req(p->later), rs, srq->error, &srq->ei);
	web_later_finish(p->later);
	pending_free(p);
	serve_request_free(srq);
}

static struct serve_request *request_of(const struct classify_body *body,
					const struct text_input *texts, int n,
					struct model_place *place)
{
	struct serve_request *srq = serve_request_new(n);

	snprintf(srq->model_id, sizeof(srq->model_id), "%s", place->id);
	srq->dir = mem_strdup(place->dir);
	srq->max_length = (int)body->max_length;
	srq->truncate = body->truncation;
	for (int i = 0; i < n; i++) {
		srq->texts[i].text = mem_dup(texts[i].text, texts[i].len);
		srq->texts[i].len = texts[i].len;
		if (texts[i].pair)
			srq->texts[i].pair = mem_dup(texts[i].pair, texts[i].pair_len);
		srq->texts[i].pair_len = texts[i].pair_len;
	}
	return srq;
}

static void submit(struct app *app, const struct web_req *rq, struct web_res *rs,
		   const struct classify_body *body, const struct text_input *texts, int n,
		   struct model_place *place)
{
	struct serve_request *srq = request_of(body, texts, n, place);
	struct pending *p = mem_zalloc(1, sizeof(*p));
	struct errinfo ei;

	p->model = mem_strdup(place->id);
	p->top_k = body->top_k;
	p->function = body->function_to_apply;
	p->later = web_later_start(rs);
	srq->done = classified;
	srq->ctx = p;
	enum err e = serve_submit(app->serve, srq, &ei);
	if (e == OK)
		return;
	web_fail(rq, web_later_res(p->later), e, &ei);
	web_later_finish(p->later);
	pending_free(p);
	serve_request_free(srq);
}

void classify_create(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct classify_body body = { .top_k = 1, .function_to_apply = -1, .truncation = true };
	struct faults faults = { 0 };
	struct model_place place = { 0 };
	struct text_input *texts = NULL;
	json_t *json = body_json(rq, rs);
	int n = 0;

	if (!json)
		return;
	if (json_is_null(json_object_get(json, "top_k")))
		body.top_k = 0;
	fields_read(fields, json, "#", &body, &faults);
	if (body.input)
		texts_read(body.input, app->config->max_classify_texts, app->config->max_text_bytes,
			   &texts, &n, &faults);
	if (faults_any(&faults))
		web_fail_faults(rq, rs, "the request is not valid", &faults);
	else if (api_find_model(app, rq, rs, body.model, &place))
		submit(app, rq, rs, &body, texts, n, &place);
	model_place_clear(&place);
	free(texts);
	fields_clear(fields, &body);
	faults_clear(&faults);
	json_decref(json);
}
