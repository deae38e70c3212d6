/* The configuration's file as it is read. The only ini.h. */
#include "config.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/mem.h"

#define MAX_FILE (1 << 20)

struct reader {
	struct config *config;
	const char *path;
	const char *at; /* in the text of the file */
	int line;	/* the one that was read last, from 1 */
	bool seen[64];	/* by row of the table */
	enum err e;
	struct errinfo *ei;
};

static enum err fault(struct reader *r, const char *words)
{
	if (r->e == OK)
		r->e = err_set(r->ei, ERR_INVALID, "%s:%d: %s", r->path, r->line, words);
	return r->e;
}

/* Gives inih the next line without the blanks before it, which it would take for a continued value.
 */
static char *next_line(char *out, int size, void *ctx)
{
	struct reader *r = ctx;

	if (!*r->at || r->e != OK)
		return NULL;
	r->line++;
	const char *end = strchrnul(r->at, '\n');
	r->at += strspn(r->at, " \t");
	size_t n = end > r->at ? (size_t)(end - r->at) : 0;
	if (n + 1 > (size_t)size - 1)
		fault(r, "the line is too long");
	else if (n && *r->at == '[')
		fault(r, "sections are not used here");
	if (r->e != OK)
		return NULL;
	memcpy(out, r->at, n);
	memcpy(out + n, "\n", 2);
	r->at = *end ? end + 1 : end;
	return out;
}

static int got(void *ctx, const char *section, const char *name, const char *value)
{
	struct reader *r = ctx;
	char where[256];

	(void)section;
	const struct field *row = fields_find(config_options, name);
	snprintf(where, sizeof(where), "%s:%d: %s", r->path, r->line, name);
	if (r->e == OK && !row) {
		const char *near = fields_nearest(config_options, name);
		r->e = err_set(r->ei, ERR_INVALID, "%s: unknown option%s%s%s", where,
			       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	}
	if (r->e != OK)
		return 0;
	bool *seen = &r->seen[row - config_options];
	if (*seen)
		r->e = err_set(r->ei, ERR_INVALID, "%s: is set twice", where);
	else
		r->e = config_set(r->config, row, value ? value : "", where, r->ei);
	*seen = true;
	return r->e == OK;
}

enum err config_read_file(const char *path, struct config *c, struct errinfo *ei)
{
	struct reader r = { .config = c, .path = path, .ei = ei };
	struct buf text = { 0 };
	struct errinfo why;
	enum err e = files_read(path, MAX_FILE, &text, &why);

	if (e != OK) {
		buf_clear(&text);
		return err_set(ei, ERR_INVALID, "--config: cannot read %s: %s", path,
			       e == ERR_NOT_FOUND ? "no such file" : why.msg);
	}
	r.at = text.len ? text.data : "";
	int bad_line = ini_parse_stream(next_line, &r, got, &r);
	if (r.e == OK && bad_line) {
		r.line = bad_line;
		fault(&r, "must be \"name = value\"");
	}
	if (r.e == OK && text.len && strlen(text.data) != text.len)
		fault(&r, "holds a NUL byte");
	buf_clear(&text);
	return r.e;
}
