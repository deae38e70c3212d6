/* Models as tar archives: see export.h. */
#include "jobs/export.h"

#include "base/ids.h"
#include "base/mem.h"
#include "jobs/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const export_files[] = { "README.md",
				     "added_tokens.json",
				     "config.json",
				     "model.safetensors",
				     "special_tokens_map.json",
				     "tokenizer.json",
				     "tokenizer_config.json",
				     "vocab.txt",
				     NULL };

/* What the row of a model or checkpoint says about its archive. */
struct source {
	struct model_place place;
	char job_id[ID_SIZE]; /* "": a model */
	int64_t step;	      /* of a checkpoint */
	int64_t created_ms;
};

static enum err read_model(struct db *db, struct source *s, struct export *x, struct errinfo *ei)
{
	struct model_row m = { 0 };
	enum err e = model_row_get(db, s->place.id, &m, ei);

	if (e == OK) {
		s->created_ms = m.created_ms;
		snprintf(x->name, sizeof(x->name), "%s", m.name ? m.name : m.id);
		snprintf(x->sha256, sizeof(x->sha256), "%s", m.tar_sha256 ? m.tar_sha256 : "");
	}
	model_row_clear(&m);
	return e;
}

static enum err read_checkpoint(struct db *db, struct source *s, struct export *x,
				struct errinfo *ei)
{
	const char *slash = strchr(s->place.id, '/');

	snprintf(s->job_id, sizeof(s->job_id), "%.*s", (int)(slash - s->place.id), s->place.id);
	s->step = atoll(slash + strlen("/checkpoint-"));
	snprintf(x->name, sizeof(x->name), "%s-%s", s->job_id, slash + 1);
	return checkpoint_row_tar(db, s->job_id, s->step, &s->created_ms, x->sha256, ei);
}

static enum err read_source(const struct places *p, struct db *db, const char *name,
			    struct source *s, struct export *x, struct errinfo *ei)
{
	enum err e = places_find_model(p, db, name, &s->place, ei);

	if (e != OK)
		return e;
	if (s->place.base)
		return err_set(ei, ERR_CONFLICT,
			       "\"%s\" is a base model: only what a job has made or an import has "
			       "brought is exported",
			       s->place.id);
	return strchr(s->place.id, '/') ? read_checkpoint(db, s, x, ei) : read_model(db, s, x, ei);
}

/* A file that is not there is left out. */
static enum err add_file(struct export *x, int dir, const char *file, struct errinfo *ei)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? OK : err_errno(ei, "%s cannot be opened", file);
	char *name = mem_printf("%s/%s", x->name, file);
	enum err e = tar_add(x->tar, name, fd, ei);
	free(name);
	return e;
}

/* One descriptor of the folder, so that all files are of one checkpoint. */
static enum err add_files(const struct source *s, struct export *x, struct errinfo *ei)
{
	int dir = open(s->place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = OK;

	if (dir < 0 || faccessat(dir, "model.safetensors", R_OK, 0) != 0)
		e = err_set(ei, ERR_NOT_FOUND, "the files of %s are gone", s->place.id);
	for (int i = 0; e == OK && export_files[i]; i++)
		e = add_file(x, dir, export_files[i], ei);
	if (dir >= 0)
		close(dir);
	return e;
}

static enum err note_digest(struct db *db, const struct source *s, struct export *x,
			    struct errinfo *ei)
{
	if (x->sha256[0])
		return OK;
	enum err e = tar_hash(x->tar, x->sha256, ei);
	if (e != OK)
		return e;
	return s->job_id[0] ? checkpoint_row_set_tar(db, s->job_id, s->step, s->created_ms,
						     x->sha256, ei)
			    : model_row_set_tar(db, s->place.id, x->sha256, ei);
}

enum err export_open(const struct places *p, struct db *db, const char *name, struct export *out,
		     struct errinfo *ei)
{
	struct source s = { 0 };
	enum err e;

	*out = (struct export){ 0 };
	e = read_source(p, db, name, &s, out, ei);
	if (e == OK) {
		out->tar = tar_new(s.created_ms / 1000);
		e = add_files(&s, out, ei);
	}
	if (e == OK)
		e = note_digest(db, &s, out, ei);
	model_place_clear(&s.place);
	if (e != OK) {
		places_redact(p, ei);
		export_close(out);
	}
	return e;
}

void export_close(struct export *x)
{
	tar_free(x->tar);
	x->tar = NULL;
}
