/* Whether a data directory is whole: see check.h. */
#include "jobs/check.h"

#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "jobs/inventory.h"
#include "jobs/job.h"
#include "jobs/spec.h"
#include "model/config.h"
#include "text/tokenizer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct check {
	struct places places;
	struct db *db;
	struct check_counts *counts;
	void (*tell)(void *ctx, const char *line);
	void *ctx;
};

static void fault(void *ctx, const char *line)
{
	const struct check *c = ctx;

	c->counts->faults++;
	c->tell(c->ctx, line);
}

/* Files: each gives ERR_INVALID, or the error of reading, with what is wrong. */

static enum err check_hash(const char *path, const char *sha256, struct errinfo *ei)
{
	char got[SHA256_HEX_SIZE];
	enum err e = hash_file(path, got, ei);

	if (e == OK && strcmp(got, sha256) != 0)
		return err_set(ei, ERR_INVALID, "%s has sha256 %s, its row has %s", path, got,
			       sha256);
	return e;
}

static enum err check_bytes(const char *path, int64_t got, int64_t want, struct errinfo *ei)
{
	if (got == want)
		return OK;
	return err_set(ei, ERR_INVALID, "%s has %" PRId64 " bytes, its row has %" PRId64, path, got,
		       want);
}

static enum err check_dataset(const struct item *item, const char *path, struct errinfo *ei)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_errno(ei, "cannot open %s", path);
	enum err e = check_bytes(path, st.st_size, item->bytes, ei);
	return e == OK ? check_hash(path, item->sha256, ei) : e;
}

static enum err check_parts(const char *path, struct errinfo *ei)
{
	struct bert_config config = { 0 };
	struct tokenizer *tokenizer = NULL;
	enum err e = bert_config_read(path, &config, ei);

	if (e == OK) {
		bert_config_clear(&config);
		e = tokenizer_open(path, &tokenizer, ei);
	}
	if (e == OK)
		tokenizer_free(tokenizer);
	return e;
}

static enum err check_model(const struct item *item, const char *path, struct errinfo *ei)
{
	char *weights = mem_printf("%s/model.safetensors", path);
	enum err e = check_hash(weights, item->sha256, ei);

	if (e == OK)
		e = check_parts(path, ei);
	if (e == OK && item->kind == ITEM_MODEL)
		e = check_bytes(path, files_tree_bytes(path), item->bytes, ei);
	free(weights);
	return e;
}

static bool job_has_ended(struct db *db, const char *id)
{
	struct job j = { 0 };
	bool ended = job_get(db, id, &j, NULL) == OK && job_state_final(j.state);

	job_clear(&j);
	return ended;
}

/* A checkpoint of a running job loses its folder before its row, and a crash in between is mended
 * when the job goes on. */
static bool is_on_its_way_out(const struct check *c, const struct item *item, const char *path)
{
	return item->kind == ITEM_CHECKPOINT && !files_exist(path) &&
	       !job_has_ended(c->db, item->job_id);
}

static void check_item(struct check *c, const struct item *item)
{
	char *path = inventory_path(&c->places, item);
	struct errinfo ei;
	enum err e = item->kind == ITEM_DATASET ? check_dataset(item, path, &ei)
						: check_model(item, path, &ei);

	if (e != OK && !is_on_its_way_out(c, item, path) &&
	    inventory_find(c->db, item, NULL) != ERR_NOT_FOUND) {
		char *line = mem_printf("%s: %s", item->id, ei.msg);
		fault(c, line);
		free(line);
	}
	free(path);
}

static void check_job(struct check *c, const struct job *j)
{
	struct job_spec spec = { 0 };
	struct faults faults = { 0 };
	json_t *body = NULL;

	if (json_parse(j->spec, strlen(j->spec), &body, NULL) != OK ||
	    !job_spec_read(body, &spec, &faults)) {
		char *line = mem_printf("%s: the stored request is not one that this version takes",
					j->id);
		fault(c, line);
		free(line);
	}
	job_spec_clear(&spec);
	faults_clear(&faults);
	json_decref(body);
}

static void count(struct check_counts *n, const struct inventory *v)
{
	for (int i = 0; i < v->n; i++) {
		n->datasets += v->list[i].kind == ITEM_DATASET;
		n->models += v->list[i].kind == ITEM_MODEL;
		n->checkpoints += v->list[i].kind == ITEM_CHECKPOINT;
	}
	n->jobs = v->n_jobs;
}

static enum err check_rows(struct check *c, struct errinfo *ei)
{
	struct inventory rows = { 0 };
	enum err e = inventory_read(c->db, &rows, ei);

	for (int i = 0; e == OK && i < rows.n_jobs; i++)
		check_job(c, &rows.jobs[i]);
	for (int i = 0; e == OK && i < rows.n; i++)
		check_item(c, &rows.list[i]);
	count(c->counts, &rows);
	inventory_clear(&rows);
	return e;
}

enum err check_run(const char *data_dir, struct check_counts *counts,
		   void (*tell)(void *ctx, const char *line), void *ctx, struct errinfo *ei)
{
	char *path = mem_printf("%s/bertd.db", data_dir);
	struct check c = { { data_dir, NULL, NULL }, .counts = counts, .tell = tell, .ctx = ctx };
	enum err e = OK;

	*counts = (struct check_counts){ 0 };
	if (!files_exist(path))
		e = err_set(ei, ERR_NOT_FOUND, "%s is no data directory: it has no bertd.db",
			    data_dir);
	if (e == OK)
		e = db_open_readonly(path, &c.db, ei);
	if (e == OK)
		e = db_check(c.db, fault, &c, ei);
	if (e == OK)
		e = check_rows(&c, ei);
	db_close(c.db);
	free(path);
	return e;
}
