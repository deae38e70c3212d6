/* The result of a job becomes a model: see publish.h. */
#include "jobs/publish.h"

#include "base/buf.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/job.h"
#include "jobs/rows.h"
#include "train/checkpoint.h"

#include <stdlib.h>

/* The metrics of the last evaluation (of the best one, when that model was asked for), what
 * training itself gave, and "test": the evaluation of the test split or null. */
static char *metrics_text(const struct trainer_result *r)
{
	json_t *metrics = r->eval_metrics ? json_copy(r->eval_metrics) : json_object();

	json_object_set_new(metrics, "global_step", json_integer(r->global_step));
	json_object_set_new(metrics, "train_loss", json_number(r->training_loss));
	json_object_set_new(metrics, "test",
			    r->test_metrics ? json_incref(r->test_metrics) : json_null());
	return json_text(metrics);
}

enum err publish_card(const struct publication *p, struct card *card, const char *dir,
		      struct errinfo *ei)
{
	char *path = mem_printf("%s/README.md", dir);
	json_t *labels = bert_config_labels(bert_get_config(p->model));
	struct bert_device_info device = { "" };
	struct buf text = { 0 };
	enum err e = bert_device_info(p->device, &device, ei);

	card->job_id = p->job->id;
	card->name = p->job->name;
	card->spec = p->spec;
	card->report = p->report;
	card->labels = labels;
	card->bertd = p->version;
	card->libtorch = device.libtorch;
	card->device = device.name;
	card_print(card, &text);
	if (e == OK)
		e = files_write(path, text.data, text.len, ei);
	buf_clear(&text);
	json_decref(labels);
	free(path);
	return e;
}

static enum err write_files(const struct publication *p, const char *id, const char *dir,
			    char *sha256, struct errinfo *ei)
{
	const struct trainer_result *r = p->result;
	struct card card = { .id = id,
			     .metrics = r->eval_metrics,
			     .test = r->test_metrics,
			     .step = r->global_step,
			     .epoch = r->epoch };
	char *weights = mem_printf("%s/model.safetensors", dir);
	enum err e = files_make_dirs(dir, ei);

	if (e == OK)
		e = bert_save(p->model, dir, ei);
	if (e == OK)
		e = tokenizer_save(p->tokenizer, dir, ei);
	if (e == OK)
		e = publish_card(p, &card, dir, ei);
	if (e == OK)
		e = hash_file(weights, sha256, ei);
	free(weights);
	return e;
}

static enum err commit(const struct publication *p, const char *model_id, const char *dir,
		       const char *sha256, struct errinfo *ei)
{
	char *labels = json_text(bert_config_labels(bert_get_config(p->model)));
	char *metrics = metrics_text(p->result);
	struct job_result r = { .model_id = model_id,
				.labels = labels,
				.metrics = metrics,
				.sha256 = sha256,
				.bytes = files_tree_bytes(dir),
				.step = p->result->global_step };
	enum err e = job_succeed(p->db, p->job->id, &r, ei);

	free(labels);
	free(metrics);
	return e;
}

static void discard(const char *path)
{
	struct errinfo ei;

	if (files_remove(path, &ei) != OK)
		log_warn("files_left", "error=%s", log_q(ei.msg));
}

enum err publish_model(const struct publication *p, struct errinfo *ei)
{
	char id[ID_SIZE], sha256[SHA256_HEX_SIZE];

	ids_new("mdl_", id);
	char *tmp = places_tmp(p->places, id), *dir = places_model_dir(p->places, id);
	enum err e = write_files(p, id, tmp, sha256, ei);
	if (e == OK)
		e = files_publish_dir(tmp, dir, ei);
	if (e != OK)
		discard(tmp);
	if (e == OK)
		e = commit(p, id, dir, sha256, ei);
	/* A commit that failed for another reason may yet be found in the log by the next start:
	 * the folder stays. */
	if (e == ERR_CONFLICT)
		discard(dir);
	free(tmp);
	free(dir);
	return e;
}

void publish_trim_checkpoints(const struct publication *p)
{
	char *dir = places_job_dir(p->places, p->job->id);
	int64_t *steps = NULL;
	struct errinfo ei;
	int n = 0;

	if (checkpoint_row_steps(p->db, p->job->id, &steps, &n, &ei) != OK)
		log_warn("files_left", "job=%s error=%s", p->job->id, log_q(ei.msg));
	for (int i = 0; i < n; i++) {
		char *checkpoint = checkpoint_path(dir, steps[i]);
		char *optimizer = mem_printf("%s/optimizer.safetensors", checkpoint);
		discard(optimizer);
		free(optimizer);
		free(checkpoint);
	}
	free(steps);
	free(dir);
}
