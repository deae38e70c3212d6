/* Checkpoint folders: see checkpoint.h. */
#include "train/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "train/state.h"

#define PREFIX	  "checkpoint-"
#define TMP	  "tmp-"
#define STATE_MAX ((size_t)256 << 20) /* bytes of trainer_state.json */

char *checkpoint_path(const char *dir, int64_t step)
{
	return mem_printf("%s/" PREFIX "%lld", dir, (long long)step);
}

static enum err write_json(const char *dir, const char *name, const json_t *v, struct errinfo *ei)
{
	char *path = mem_printf("%s/%s", dir, name);
	struct buf text = { 0 };

	json_print(v, &text);
	buf_putc(&text, '\n');
	enum err e = files_write(path, text.data, text.len, ei);
	buf_clear(&text);
	free(path);
	return e;
}

static enum err write_optimizer(const struct bert *model, const char *dir, struct errinfo *ei)
{
	char *path = mem_printf("%s/optimizer.safetensors", dir);
	enum err e = bert_optimizer_save(model, path, ei);

	free(path);
	return e;
}

static enum err write_files(const char *dir, const struct checkpoint *c, struct errinfo *ei)
{
	enum err e = files_make_dirs(dir, ei);

	if (e == OK)
		e = bert_save(c->model, dir, ei);
	if (e == OK)
		e = write_optimizer(c->model, dir, ei);
	if (e == OK)
		e = tokenizer_save(c->tokenizer, dir, ei);
	if (e == OK)
		e = write_json(dir, "training_args.json", c->args, ei);
	if (e == OK)
		e = write_json(dir, "trainer_state.json", c->state, ei);
	return e;
}

enum err checkpoint_write(const char *dir, int64_t step, const struct checkpoint *c,
			  struct errinfo *ei)
{
	char *tmp = mem_printf("%s/" TMP PREFIX "%lld", dir, (long long)step);
	char *path = checkpoint_path(dir, step);
	enum err e = write_files(tmp, c, ei);

	if (e == OK)
		e = files_publish_dir(tmp, path, ei);
	/* The disk may be full: what was written must not stay to fill it. */
	if (e != OK && files_remove(tmp, NULL) != OK)
		log_warn("checkpoint_left_behind", "step=%lld", (long long)step);
	free(tmp);
	free(path);
	return e;
}

enum err checkpoint_write_state(const char *dir, int64_t step, const json_t *state,
				struct errinfo *ei)
{
	char *path = checkpoint_path(dir, step);
	enum err e = write_json(path, "trainer_state.json", state, ei);

	free(path);
	return e;
}

enum err checkpoint_read_state(const char *path, json_t **state, struct errinfo *ei)
{
	char *file = mem_printf("%s/trainer_state.json", path);
	struct buf text = { 0 };
	enum err e = files_read(file, STATE_MAX, &text, ei);

	if (e == OK)
		e = json_parse(text.data ? text.data : "", text.len, state, ei);
	buf_clear(&text);
	free(file);
	return e;
}

/* The step in "checkpoint-79"; 0 for any other name. */
static int64_t step_of(const char *name)
{
	char *end;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || name[strlen(PREFIX)] < '1' ||
	    name[strlen(PREFIX)] > '9')
		return 0;
	errno = 0;
	long long step = strtoll(name + strlen(PREFIX), &end, 10);
	return *end || errno ? 0 : step;
}

static int by_step(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

enum err checkpoint_list(const char *dir, int64_t **steps, int *n, struct errinfo *ei)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	*steps = NULL;
	*n = 0;
	if (!d)
		return errno == ENOENT ? OK : err_errno(ei, "cannot list %s", dir);
	while ((entry = readdir(d))) {
		int64_t step = step_of(entry->d_name);

		if (step == 0)
			continue;
		*steps = mem_resize(*steps, (size_t)*n + 1, sizeof(**steps));
		(*steps)[(*n)++] = step;
	}
	closedir(d);
	if (*n)
		qsort(*steps, (size_t)*n, sizeof(**steps), by_step);
	return OK;
}

static bool has_file(const char *path, const char *name)
{
	char *file = mem_printf("%s/%s", path, name);
	bool there = files_exist(file);

	free(file);
	return there;
}

static bool state_is_of_step(const char *path, int64_t step)
{
	struct trainer_state s;
	json_t *object = NULL;
	bool ok = checkpoint_read_state(path, &object, NULL) == OK;

	trainer_state_init(&s);
	ok = ok && trainer_state_read(object, &s, NULL) == OK && s.global_step == step;
	trainer_state_clear(&s);
	json_decref(object);
	return ok;
}

bool checkpoint_is_complete(const char *dir, int64_t step)
{
	char *path = checkpoint_path(dir, step);
	bool ok = has_file(path, "config.json") && has_file(path, "model.safetensors") &&
		  has_file(path, "optimizer.safetensors") && state_is_of_step(path, step);

	free(path);
	return ok;
}

enum err checkpoint_remove(const char *dir, int64_t step, struct errinfo *ei)
{
	char *path = checkpoint_path(dir, step);
	char *tmp = mem_printf("%s/" TMP "removed-%lld", dir, (long long)step);
	enum err e = OK;

	if (rename(path, tmp) != 0 && errno != ENOENT)
		e = err_errno(ei, "cannot rename %s", path);
	if (e == OK)
		e = files_remove(tmp, ei);
	free(path);
	free(tmp);
	return e;
}

enum err checkpoint_sweep(const char *dir, struct errinfo *ei)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	enum err e = OK;

	if (!d)
		return err_errno(ei, "cannot list %s", dir);
	while (e == OK && (entry = readdir(d))) {
		if (strncmp(entry->d_name, TMP, strlen(TMP)) != 0)
			continue;
		char *path = mem_printf("%s/%s", dir, entry->d_name);
		e = files_remove(path, ei);
		free(path);
	}
	closedir(d);
	return e;
}
