/* What a model's name stands for: see places.h. */
#include "jobs/places.h"

#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "jobs/job.h"
#include "jobs/rows.h"
#include "model/config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_place_clear(struct model_place *m)
{
	free(m->dir);
	free(m->labels);
	memset(m, 0, sizeof(*m));
}

/* Whether the n bytes are one folder's name: letters, digits, ".", "_" and "-", not starting with
 * ".". */
static bool plain_folder(const char *s, size_t n)
{
	if (n == 0 || s[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isascii((unsigned char)s[i]) ||
		    !(isalnum((unsigned char)s[i]) || strchr("._-", s[i])))
			return false;
	return true;
}

/* NAME or OWNER/NAME, short enough for an id. */
static bool plain_name(const char *s)
{
	const char *slash = strchr(s, '/');
	size_t owner = slash ? (size_t)(slash - s) : 0;
	struct model_place *m;

	if (strlen(s) >= sizeof(m->id))
		return false;
	if (slash && !plain_folder(s, owner))
		return false;
	return slash ? plain_folder(slash + 1, strlen(slash + 1)) : plain_folder(s, strlen(s));
}

/* A name that the Hub may know, short enough for an id. */
static bool hub_name(const char *s)
{
	struct model_place *m;

	return fetch_is_model_name(s) && strlen(s) < sizeof(m->id);
}

static void place(struct model_place *m, const char *id, char *dir, char *labels, bool base)
{
	memset(m, 0, sizeof(*m));
	snprintf(m->id, sizeof(m->id), "%s", id);
	m->dir = dir;
	m->labels = labels;
	m->base = base;
}

/* A folder of model_dir, or a snapshot where that has the layout of huggingface_hub's cache. */
static enum err in_model_dir(const struct places *p, const char *name, struct model_place *out,
			     struct errinfo *ei)
{
	char *snapshot = NULL;

	if (p->model_dir && plain_name(name)) {
		char *dir = mem_printf("%s/%s", p->model_dir, name);
		char *config = mem_printf("%s/config.json", dir);
		bool there = files_exist(config);
		free(config);
		if (there) {
			place(out, name, dir, NULL, true);
			return OK;
		}
		free(dir);
	}
	if (p->model_dir && hub_name(name) &&
	    fetch_find_snapshot(p->model_dir, name, &snapshot, ei) == OK) {
		place(out, name, snapshot, NULL, true);
		return OK;
	}
	return err_set(ei, ERR_NOT_FOUND, "the server has no base model of that name");
}

/* Takes the row, or clears it. */
static enum err by_row(enum err e, const struct places *p, struct model_row *m,
		       struct model_place *out)
{
	if (e == OK) {
		place(out, m->id, places_model_dir(p, m->id), m->labels, false);
		m->labels = NULL;
	}
	model_row_clear(m);
	return e;
}

static enum err by_model_id(const struct places *p, struct db *db, const char *id,
			    struct model_place *out, struct errinfo *ei)
{
	struct model_row m = { 0 };

	return by_row(model_row_get(db, id, &m, ei), p, &m, out);
}

static enum err by_job(const struct places *p, struct db *db, const struct job *j,
		       struct model_place *out, struct errinfo *ei)
{
	if (*j->model_id)
		return by_model_id(p, db, j->model_id, out, ei);
	if (!job_state_final(j->state))
		return err_set(ei, ERR_CONFLICT, "the job is %s: its model is not there yet",
			       job_state_name(j->state));
	if (j->state == JOB_SUCCEEDED)
		return err_set(ei, ERR_NOT_FOUND, "the model of the job was deleted");
	return err_set(ei, ERR_CONFLICT, "the job is %s and left no model",
		       job_state_name(j->state));
}

static enum err by_job_id(const struct places *p, struct db *db, const char *id,
			  struct model_place *out, struct errinfo *ei)
{
	struct job j = { 0 };
	enum err e = job_get(db, id, &j, ei);

	if (e == OK)
		e = by_job(p, db, &j, out, ei);
	job_clear(&j);
	return e;
}

static enum err by_checkpoint(const struct places *p, struct db *db, const char *job_id,
			      int64_t step, struct model_place *out, struct errinfo *ei)
{
	struct bert_config c = { 0 };
	char id[64];
	enum err e = checkpoint_row_find(db, job_id, step, ei);

	if (e != OK)
		return e;
	snprintf(id, sizeof(id), "%s/checkpoint-%" PRId64, job_id, step);
	char *dir = mem_printf("%s/jobs/%s", p->data_dir, id);
	e = bert_config_read(dir, &c, ei);
	if (e != OK) {
		places_redact(p, ei);
		free(dir);
		return e;
	}
	place(out, id, dir, json_text(bert_config_labels(&c)), false);
	bert_config_clear(&c);
	return OK;
}

/* Splits "job_…/checkpoint-79"; the step as this program writes it, without leading zeros. */
static bool parse_checkpoint(const char *name, char *job_id, int64_t *step)
{
	const char *slash = strchr(name, '/');
	const char *digits = slash ? slash + strlen("/checkpoint-") : NULL;

	if (!slash || slash - name >= ID_SIZE || strncmp(slash, "/checkpoint-", 12) != 0)
		return false;
	memcpy(job_id, name, (size_t)(slash - name));
	job_id[slash - name] = '\0';
	size_t n = strspn(digits, "0123456789");
	if (!ids_valid("job_", job_id) || n == 0 || n > 12 || digits[n] || digits[0] == '0')
		return false;
	*step = atoll(digits);
	return true;
}

static enum err by_model_name(const struct places *p, struct db *db, const char *name,
			      struct model_place *out, struct errinfo *ei)
{
	struct model_row m = { 0 };

	return by_row(model_row_by_name(db, name, &m, ei), p, &m, out);
}

static enum err by_hub_name(const struct places *p, const struct fetch_how *how, const char *name,
			    struct model_place *out, struct errinfo *ei)
{
	char *dir = NULL;

	if (!p->fetch || !hub_name(name))
		return err_set(ei, ERR_NOT_FOUND, "the name is none of the Hub");
	enum err e = fetch_model(p->fetch, name, how, &dir, NULL, ei);
	if (e == OK)
		place(out, name, dir, NULL, true);
	return e;
}

/* What is nearest comes first: names of the server before those of the Hub. */
static enum err by_name(const struct places *p, struct db *db, const struct fetch_how *how,
			bool base_first, const char *name, struct model_place *out,
			struct errinfo *ei)
{
	enum err e =
		base_first ? in_model_dir(p, name, out, ei) : by_model_name(p, db, name, out, ei);

	if (e == ERR_NOT_FOUND)
		e = base_first ? by_model_name(p, db, name, out, ei)
			       : in_model_dir(p, name, out, ei);
	return e == ERR_NOT_FOUND ? by_hub_name(p, how, name, out, ei) : e;
}

static enum err not_found(const struct places *p, const char *name, const struct errinfo *why,
			  struct errinfo *ei)
{
	bool asked = p->fetch && hub_name(name);

	return err_set(
		ei, ERR_NOT_FOUND,
		"there is no model \"%s\": it is neither the id of a model, a job or a "
		"checkpoint, nor the name of a finished or imported model, nor a base model of the "
		"server%s%s",
		plain_name(name) || hub_name(name) ? name : "(not a possible name)",
		asked ? "; the Hub: " : "", asked ? why->msg : "");
}

static enum err find(const struct places *p, struct db *db, const struct fetch_how *how,
		     bool base_first, const char *name, struct model_place *out, struct errinfo *ei)
{
	struct errinfo why = { "" };
	char job_id[ID_SIZE];
	int64_t step;

	if (ids_valid("mdl_", name))
		return by_model_id(p, db, name, out, ei);
	if (ids_valid("job_", name))
		return by_job_id(p, db, name, out, ei);
	if (parse_checkpoint(name, job_id, &step))
		return by_checkpoint(p, db, job_id, step, out, ei);
	enum err e = by_name(p, db, how, base_first, name, out, &why);
	if (e == ERR_NOT_FOUND)
		return not_found(p, name, &why, ei);
	return e == OK ? OK : err_set(ei, e, "%s", why.msg);
}

enum err places_find_model(const struct places *p, struct db *db, const char *name,
			   struct model_place *out, struct errinfo *ei)
{
	static const struct fetch_how cached = { .cached_only = true };
	enum err e = find(p, db, &cached, false, name, out, ei);

	if (e == ERR_ABSENT)
		return err_set(
			ei, ERR_NOT_FOUND,
			"the server does not have the model \"%s\": POST /models downloads it "
			"from the Hub",
			name);
	return e;
}

enum err places_find_base(const struct places *p, struct db *db, const struct fetch_how *how,
			  const char *name, struct model_place *out, struct errinfo *ei)
{
	return find(p, db, how, true, name, out, ei);
}
