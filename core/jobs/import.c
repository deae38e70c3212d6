/* Models from tar archives: see import.h. */
#include "jobs/import.h"

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tar.h"
#include "jobs/export.h"
#include "model/config.h"
#include "model/weights.h"
#include "text/tokenizer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILES      16 /* of export_files */
#define CHUNK	       (256 << 10)
#define MAX_SMALL_FILE (64 << 20) /* bytes of a file other than the weights */

/* --- which entries are taken --- */

struct selection {
	struct tar_entry files[MAX_FILES]; /* by the index in export_files */
	bool taken[MAX_FILES];
	char folder[TAR_NAME_SIZE]; /* where config.json is, "" for none */
	bool found;		    /* it is somewhere */
	bool pickled, sharded;	    /* weights in another form were seen */
};

/* FILE or FOLDER/FILE. */
struct location {
	const char *file, *folder;
	size_t folder_n;
};

static bool leads_out(const char *name)
{
	if (*name == '/')
		return true;
	for (; *name; name += strcspn(name, "/"), name += *name == '/')
		if (strncmp(name, "..", 2) == 0 && (name[2] == '/' || !name[2]))
			return true;
	return false;
}

static int index_of(const char *file)
{
	for (int i = 0; export_files[i]; i++)
		if (strcmp(file, export_files[i]) == 0)
			return i;
	return -1;
}

/* Where an entry lies; "./" in front counts for nothing. false: it is a folder, or too deep to be a
 * model's. */
static bool locate(const struct tar_entry *entry, struct location *at)
{
	const char *name = entry->name;

	while (strncmp(name, "./", 2) == 0)
		name += 2;
	const char *slash = strchr(name, '/');
	at->folder = name;
	at->folder_n = slash ? (size_t)(slash - name) : 0;
	at->file = slash ? slash + 1 : name;
	return !entry->folder && !strchr(at->file, '/');
}

static bool in_folder(const struct selection *s, const struct location *at)
{
	return strlen(s->folder) == at->folder_n &&
	       memcmp(s->folder, at->folder, at->folder_n) == 0;
}

/* The first look: every name is checked, and the folder of config.json is the model's. Outside of
 * any folder it goes first: then folders hold other things. */
static enum err find_folder(struct selection *s, const struct tar_entry *entry, struct errinfo *ei)
{
	struct location at;

	if (leads_out(entry->name))
		return err_set(ei, ERR_INVALID,
			       "the tar has an entry whose name leads out of its folder");
	if (!locate(entry, &at) || strcmp(at.file, "config.json") != 0)
		return OK;
	if (s->found && at.folder_n && s->folder[0] && !in_folder(s, &at))
		return err_set(ei, ERR_INVALID, "the tar has models in two folders");
	if (s->found && at.folder_n)
		return OK;
	memcpy(s->folder, at.folder, at.folder_n);
	s->folder[at.folder_n] = '\0';
	s->found = true;
	return OK;
}

/* The second look: what is in that folder under a name of the list. */
static enum err take_entry(struct selection *s, const struct tar_entry *entry, struct errinfo *ei)
{
	struct location at;

	if (!locate(entry, &at) || !in_folder(s, &at))
		return OK;
	s->pickled |= strcmp(at.file, "pytorch_model.bin") == 0;
	s->sharded |= strcmp(at.file, "model.safetensors.index.json") == 0;
	int i = index_of(at.file);
	if (i < 0)
		return OK;
	if (s->taken[i])
		return err_set(ei, ERR_INVALID, "the tar has %s twice", at.file);
	if (entry->size > MAX_SMALL_FILE && strcmp(at.file, "model.safetensors") != 0)
		return err_set(ei, ERR_TOO_LARGE, "%s is larger than %d bytes", at.file,
			       MAX_SMALL_FILE);
	s->taken[i] = true;
	s->files[i] = *entry;
	return OK;
}

static enum err check_selection(const struct selection *s, struct errinfo *ei)
{
	static const char *const needed[] = { "config.json", "model.safetensors" };

	for (int i = 0; i < 2; i++) {
		if (s->taken[index_of(needed[i])])
			continue;
		if (i == 1 && s->sharded)
			return err_set(ei, ERR_INVALID,
				       "the weights are in shards: save the model with a "
				       "max_shard_size that leaves it whole");
		if (i == 1 && s->pickled)
			return err_set(ei, ERR_INVALID,
				       "pytorch_model.bin holds pickled weights, which can run "
				       "code and are not read: save the model as safetensors");
		return err_set(ei, ERR_INVALID, "the tar has no %s", needed[i]);
	}
	return OK;
}

static enum err each_entry(int fd, int64_t bytes, struct selection *s,
			   enum err (*look)(struct selection *s, const struct tar_entry *entry,
					    struct errinfo *ei),
			   struct errinfo *ei)
{
	struct tar_reader r = { .fd = fd, .bytes = bytes };
	struct tar_entry entry;
	enum err e;

	while ((e = tar_next(&r, &entry, ei)) == OK) {
		e = look(s, &entry, ei);
		if (e != OK)
			return e;
	}
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err select_files(int fd, int64_t bytes, struct selection *s, struct errinfo *ei)
{
	enum err e = each_entry(fd, bytes, s, find_folder, ei);

	if (e == OK)
		e = each_entry(fd, bytes, s, take_entry, ei);
	return e == OK ? check_selection(s, ei) : e;
}

/* --- files --- */

static enum err copy_bytes(int from, int64_t at, int64_t n, int to, char *chunk, struct errinfo *ei)
{
	while (n > 0) {
		ssize_t got = pread(from, chunk, n < CHUNK ? (size_t)n : CHUNK, at);
		if (got <= 0)
			return err_set(ei, ERR_IO, "the tar cannot be read");
		got = write(to, chunk, (size_t)got);
		if (got < 0)
			return err_errno(ei, "a file of the model cannot be written");
		at += got;
		n -= got;
	}
	return OK;
}

static enum err write_file(int tar, const struct tar_entry *entry, const char *dir,
			   const char *file, struct errinfo *ei)
{
	char *path = mem_printf("%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	char *chunk = mem_alloc(CHUNK);
	enum err e = OK;

	if (fd < 0)
		e = err_errno(ei, "%s cannot be made", file);
	else
		e = copy_bytes(tar, entry->offset, entry->size, fd, chunk, ei);
	if (fd >= 0 && close(fd) != 0 && e == OK)
		e = err_errno(ei, "%s cannot be written", file);
	free(chunk);
	free(path);
	return e == ERR_NOT_FOUND ? ERR_IO : e;
}

static enum err extract(const struct import *in, const char *dir, struct errinfo *ei)
{
	struct selection *s = mem_zalloc(1, sizeof(*s));
	int fd = open(in->path, O_RDONLY | O_CLOEXEC);
	enum err e = fd < 0 ? err_set(ei, ERR_IO, "the tar cannot be opened")
			    : select_files(fd, in->bytes, s, ei);

	if (e == OK)
		e = files_make_dirs(dir, ei);
	for (int i = 0; e == OK && export_files[i]; i++)
		if (s->taken[i])
			e = write_file(fd, &s->files[i], dir, export_files[i], ei);
	if (fd >= 0)
		close(fd);
	free(s);
	return e;
}

/* --- checks --- */

static enum err check_tokenizer(const char *dir, const struct bert_config *c, struct errinfo *ei)
{
	struct tokenizer *t = NULL;
	enum err e = tokenizer_open(dir, &t, ei);

	if (e == OK && tokenizer_vocab_size(t) > c->vocab_size)
		e = err_set(ei, ERR_INVALID,
			    "the vocabulary has %d tokens, but the weights only %lld",
			    tokenizer_vocab_size(t), (long long)c->vocab_size);
	tokenizer_free(t);
	return e;
}

static enum err check_weights(const char *dir, const struct bert_config *c, struct errinfo *ei)
{
	struct weights *w = NULL;
	enum err e = weights_open(dir, &w, ei);

	if (e == OK)
		e = weights_check(w, c, ei);
	weights_close(w);
	return e;
}

/* All faults of the files are the sender's. */
static enum err check_files(const struct places *p, const char *dir, struct model_row *m,
			    struct errinfo *ei)
{
	struct bert_config c = { 0 };
	enum err e = bert_config_read(dir, &c, ei);

	if (e == OK)
		e = check_tokenizer(dir, &c, ei);
	if (e == OK)
		e = check_weights(dir, &c, ei);
	if (e == OK)
		m->labels = json_text(bert_config_labels(&c));
	bert_config_clear(&c);
	places_redact(p, ei);
	if (e == ERR_NOT_FOUND || e == ERR_SYNTAX || e == ERR_UNSUPPORTED || e == ERR_TOO_LARGE)
		e = ERR_INVALID;
	return e;
}

static enum err describe(const struct import *in, const char *dir, struct model_row *m,
			 struct errinfo *ei)
{
	char *weights = mem_printf("%s/model.safetensors", dir), sha256[SHA256_HEX_SIZE];
	enum err e = hash_file(weights, sha256, ei);

	free(weights);
	if (e != OK)
		return e;
	m->sha256 = mem_strdup(sha256);
	m->source_sha256 = mem_strdup(in->sha256);
	m->name = in->name ? mem_strdup(in->name) : NULL;
	m->bytes = files_tree_bytes(dir);
	m->created_ms = clock_now_ms();
	return OK;
}

/* --- the whole --- */

static void discard(const char *path)
{
	struct errinfo ei;

	if (files_remove(path, &ei) != OK)
		log_warn("files_left", "error=%s", log_q(ei.msg));
}

static enum err publish(const struct places *p, struct db *db, const char *tmp,
			const struct model_row *m, struct errinfo *ei)
{
	char *dir = places_model_dir(p, m->id);
	enum err e = files_publish_dir(tmp, dir, ei);

	if (e == OK)
		e = model_row_import(db, m, ei);
	free(dir);
	return e;
}

enum err import_model(const struct places *p, struct db *db, const struct import *in,
		      struct model_row *out, bool *existed, struct errinfo *ei)
{
	enum err e = model_row_by_tar(db, in->sha256, in->name, out, ei);

	*existed = e == OK;
	if (e != ERR_NOT_FOUND)
		return e;
	struct model_row m = { 0 };
	ids_new("mdl_", m.id);
	char *tmp = places_tmp(p, m.id);
	e = extract(in, tmp, ei);
	if (e == OK)
		e = check_files(p, tmp, &m, ei);
	if (e == OK)
		e = describe(in, tmp, &m, ei);
	if (e == OK)
		e = publish(p, db, tmp, &m, ei);
	if (e == OK)
		*out = m;
	else
		model_row_clear(&m);
	discard(tmp);
	free(tmp);
	return e;
}
