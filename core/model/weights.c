/* The weight files of a directory: see weights.h. */
#include "model/weights.h"

#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INDEX_BYTES (16 << 20)
#define MAX_SHARDS	1000
#define MAX_NAME	256

struct weights {
	struct safetensors **files;
	int n_files;
};

/* A bare file name, so that an index cannot reach outside its directory. */
static bool plain_name(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) < 200;
}

static enum err add_file(struct weights *w, const char *dir, const char *name, struct errinfo *ei)
{
	char *path = mem_printf("%s/%s", dir, name);

	w->files = mem_resize(w->files, (size_t)w->n_files + 1, sizeof(*w->files));
	enum err e = safetensors_open(path, &w->files[w->n_files], ei);
	if (e == OK)
		w->n_files++;
	free(path);
	return e;
}

/* files maps the name of each shard to its place in w->files. */
static enum err add_shard(struct weights *w, const char *dir, const char *tensor, const char *shard,
			  json_t *files, struct errinfo *ei)
{
	const json_t *known = json_object_get(files, shard);

	if (!known) {
		if (!plain_name(shard))
			return err_set(ei, ERR_INVALID, "\"%.100s\" is not a plain file name",
				       shard);
		if (w->n_files == MAX_SHARDS)
			return err_set(ei, ERR_TOO_LARGE, "more than %d shards", MAX_SHARDS);
		enum err e = add_file(w, dir, shard, ei);
		if (e != OK)
			return e == ERR_NOT_FOUND ? err_set(ei, ERR_INVALID,
							    "the shard %.100s is missing", shard)
						  : e;
		json_object_set_new(files, shard, json_integer(w->n_files - 1));
		known = json_object_get(files, shard);
	}
	if (!safetensors_find(w->files[json_integer_value(known)], tensor))
		return err_set(ei, ERR_INVALID, "%.150s is not in %.100s", tensor, shard);
	return OK;
}

static enum err add_shards(struct weights *w, const char *dir, const json_t *index,
			   struct errinfo *ei)
{
	json_t *map = json_object_get(index, "weight_map"), *files = json_object(), *shard;
	const char *tensor;
	enum err e = OK;

	if (!json_is_object(map) || json_object_size(map) == 0)
		e = err_set(ei, ERR_INVALID, "weight_map is missing or empty");
	json_object_foreach(map, tensor, shard) {
		if (e != OK)
			break;
		e = json_is_string(shard)
			    ? add_shard(w, dir, tensor, json_string_value(shard), files, ei)
			    : err_set(ei, ERR_INVALID, "weight_map.%.150s is not a string", tensor);
	}
	json_decref(files);
	return e;
}

static enum err open_index(struct weights *w, const char *dir, struct errinfo *ei)
{
	char *path = mem_printf("%s/model.safetensors.index.json", dir);
	struct buf text = { 0 };
	struct errinfo why;
	json_t *index = NULL;
	enum err e = files_read(path, MAX_INDEX_BYTES, &text, &why);

	if (e == OK)
		e = json_parse(text.data ? text.data : "", text.len, &index, &why);
	if (e == OK)
		e = add_shards(w, dir, index, &why);
	if (e != OK)
		err_set(ei, e, "model.safetensors.index.json: %.400s", why.msg);
	json_decref(index);
	buf_clear(&text);
	free(path);
	return e;
}

static bool has(const char *dir, const char *name)
{
	char *path = mem_printf("%s/%s", dir, name);
	bool yes = files_exist(path);

	free(path);
	return yes;
}

static enum err open_files(struct weights *w, const char *dir, struct errinfo *ei)
{
	if (has(dir, "model.safetensors"))
		return add_file(w, dir, "model.safetensors", ei);
	if (has(dir, "model.safetensors.index.json"))
		return open_index(w, dir, ei);
	if (has(dir, "pytorch_model.bin") || has(dir, "pytorch_model.bin.index.json"))
		return err_set(
			ei, ERR_UNSUPPORTED,
			"pytorch_model.bin holds pickled weights, which can run code and are not "
			"read; convert "
			"them with save_pretrained(safe_serialization=True) to model.safetensors");
	return err_set(ei, ERR_NOT_FOUND, "the model directory has no model.safetensors");
}

enum err weights_open(const char *dir, struct weights **out, struct errinfo *ei)
{
	struct weights *w = mem_zalloc(1, sizeof(*w));
	enum err e = open_files(w, dir, ei);

	if (e == OK)
		*out = w;
	else
		weights_close(w);
	return e;
}

void weights_close(struct weights *w)
{
	if (!w)
		return;
	for (int i = 0; i < w->n_files; i++)
		safetensors_close(w->files[i]);
	free(w->files);
	free(w);
}

static const struct safetensors_tensor *find_exact(const struct weights *w, const char *name,
						   struct safetensors **st)
{
	const struct safetensors_tensor *t = NULL;

	for (int i = 0; i < w->n_files && !t; i++) {
		*st = w->files[i];
		t = safetensors_find(*st, name);
	}
	return t;
}

/* name, then name without "bert.". */
static const struct safetensors_tensor *find_prefixed(const struct weights *w, const char *name,
						      struct safetensors **st)
{
	const struct safetensors_tensor *t = find_exact(w, name, st);

	return !t && strncmp(name, "bert.", 5) == 0 ? find_exact(w, name + 5, st) : t;
}

const struct safetensors_tensor *weights_find(const struct weights *w, const char *name,
					      struct safetensors **st)
{
	static const char *const old[][2] = { { "LayerNorm.weight", "LayerNorm.gamma" },
					      { "LayerNorm.bias", "LayerNorm.beta" } };
	const struct safetensors_tensor *t = find_prefixed(w, name, st);
	size_t len = strlen(name);

	for (int i = 0; i < 2 && !t; i++) {
		size_t tail = strlen(old[i][0]);
		char older[MAX_NAME];
		if (len < tail || strcmp(name + len - tail, old[i][0]) != 0)
			continue;
		snprintf(older, sizeof(older), "%.*s%s", (int)(len - tail), name, old[i][1]);
		t = find_prefixed(w, older, st);
	}
	return t;
}
