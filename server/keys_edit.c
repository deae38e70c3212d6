/* Changes to the file of API keys: see keys.h. For the operator's commands, in a process of its
 * own. */
#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/mem.h"

#define MAX_FILE (1 << 20)

struct edit {
	char *path;	/* the file itself, where the given one is a link */
	int folder;	/* locked while the file is changed, or -1 */
	bool there;	/* the file */
	struct stat st; /* of it */
	struct buf text;
	struct keys *keys; /* NULL: none yet */
};

static enum err lock_folder(struct edit *ed, struct errinfo *ei)
{
	char *copy = mem_strdup(ed->path);

	ed->folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (ed->folder < 0 || flock(ed->folder, LOCK_EX) != 0)
		return err_errno(ei, "cannot lock the folder of %s", ed->path);
	return OK;
}

/* Where there is no key yet, which keys_load refuses. */
static bool only_comments(const char *s)
{
	while (*(s += strspn(s, " \t\r\n"))) {
		if (*s != '#')
			return false;
		s = strchrnul(s, '\n');
	}
	return true;
}

static enum err read_file(struct edit *ed, struct errinfo *ei)
{
	ed->there = stat(ed->path, &ed->st) == 0;
	if (!ed->there && errno == ENOENT)
		return OK;
	enum err e = files_read(ed->path, MAX_FILE, &ed->text, ei);
	if (e == OK && !only_comments(ed->text.data))
		e = keys_load(ed->path, &ed->keys, ei);
	return e;
}

static enum err edit_begin(struct edit *ed, const char *path, struct errinfo *ei)
{
	char real[PATH_MAX];

	*ed = (struct edit){ .folder = -1 };
	ed->path = mem_strdup(realpath(path, real) ? real : path);
	enum err e = lock_folder(ed, ei);
	return e == OK ? read_file(ed, ei) : e;
}

/* Keeps who may read the file, others left out: the daemon may be another user than the operator.
 */
static enum err edit_write(const struct edit *ed, const struct buf *text, struct errinfo *ei)
{
	mode_t before = umask(077);
	enum err e = files_write(ed->path, text->data, text->len, ei);

	umask(before);
	if (e != OK || !ed->there)
		return e;
	if (chown(ed->path, ed->st.st_uid, ed->st.st_gid) != 0 ||
	    chmod(ed->path, (ed->st.st_mode & 0640) | 0600) != 0)
		return err_errno(ei, "%s is written, but its owner cannot be kept", ed->path);
	return OK;
}

static void edit_end(struct edit *ed)
{
	keys_free(ed->keys);
	if (ed->text.data)
		explicit_bzero(ed->text.data, ed->text.cap);
	buf_clear(&ed->text);
	if (ed->folder >= 0)
		close(ed->folder);
	free(ed->path);
}

static bool has_name(const struct keys *k, const char *name)
{
	for (int i = 0; k && i < keys_count(k); i++)
		if (strcmp(keys_name(k, i), name) == 0)
			return true;
	return false;
}

static enum err make_key(char *key, struct errinfo *ei)
{
	unsigned char random[(KEYS_NEW_SIZE - 1) / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_errno(ei, "no random bytes");
	for (size_t i = 0; i < sizeof(random); i++) {
		key[2 * i] = "0123456789abcdef"[random[i] >> 4];
		key[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
	}
	key[KEYS_NEW_SIZE - 1] = '\0';
	explicit_bzero(random, sizeof(random));
	return OK;
}

static enum err append(struct edit *ed, const char *name, const char *key, struct errinfo *ei)
{
	char sha256[SHA256_HEX_SIZE];

	hash_hex(key, strlen(key), sha256);
	if (ed->text.len && ed->text.data[ed->text.len - 1] != '\n')
		buf_putc(&ed->text, '\n');
	buf_printf(&ed->text, "%s:sha256:%s\n", name, sha256);
	return edit_write(ed, &ed->text, ei);
}

enum err keys_add(const char *path, const char *name, char *key, struct errinfo *ei)
{
	struct edit ed;
	enum err e = keys_check_name(name, ei);

	if (e != OK)
		return e;
	e = edit_begin(&ed, path, ei);
	if (e == OK && has_name(ed.keys, name))
		e = err_set(ei, ERR_CONFLICT, "the name \"%s\" is there already", name);
	if (e == OK)
		e = make_key(key, ei);
	if (e == OK)
		e = append(&ed, name, key, ei);
	edit_end(&ed);
	return e;
}

static bool line_has_name(const char *line, const char *name)
{
	size_t n = strlen(name);

	line += strspn(line, " \t\r");
	return strncmp(line, name, n) == 0 && line[n] == ':';
}

static enum err remove_line(struct edit *ed, const char *name, struct errinfo *ei)
{
	struct buf out = { 0 };

	for (const char *line = ed->text.data; *line;) {
		const char *end = strchrnul(line, '\n');
		end += *end == '\n';
		if (!line_has_name(line, name))
			buf_append(&out, line, (size_t)(end - line));
		line = end;
	}
	enum err e = edit_write(ed, &out, ei);
	explicit_bzero(out.data, out.cap);
	buf_clear(&out);
	return e;
}

enum err keys_revoke(const char *path, const char *name, struct errinfo *ei)
{
	struct edit ed;
	enum err e = edit_begin(&ed, path, ei);

	if (e == OK && !has_name(ed.keys, name))
		e = err_set(ei, ERR_NOT_FOUND, "there is no key of the name \"%s\"", name);
	else if (e == OK && keys_count(ed.keys) == 1)
		e = err_set(ei, ERR_CONFLICT,
			    "\"%s\" is the last key, and a file without one is refused: add "
			    "another first",
			    name);
	if (e == OK)
		e = remove_line(&ed, name, ei);
	edit_end(&ed);
	return e;
}
