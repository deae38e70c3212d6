/* The JSON Lines reader: see jsonl.h. */
#include "data/jsonl.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct jsonl {
	struct textfile *file;
	int64_t max_line;
	struct buf bytes; /* of the line, without its end */
	int64_t line;	  /* from 1; 0 before the first */
	bool defect;	  /* what holds its words */
	struct errinfo what;
};

struct jsonl *jsonl_new(struct textfile *file, int64_t max_line)
{
	struct jsonl *j = mem_zalloc(1, sizeof(*j));

	j->file = file;
	j->max_line = max_line;
	return j;
}

void jsonl_free(struct jsonl *j)
{
	if (!j)
		return;
	buf_clear(&j->bytes);
	free(j);
}

/* Takes the window up to the end of the line. Returns whether that end was there. */
static bool take(struct jsonl *j)
{
	struct textfile *s = j->file;
	const char *lf = memchr(s->at, '\n', (size_t)(s->end - s->at));
	const char *stop = lf ? lf : s->end;

	buf_append(&j->bytes, s->at, (size_t)(stop - s->at));
	s->at = lf ? lf + 1 : s->end;
	return lf != NULL;
}

/* Notes the first byte of the line that no text may hold. */
static void note_defect(struct jsonl *j)
{
	if (!j->defect)
		textfile_fault(j->file, j->line, &j->what);
	j->defect = true;
	j->file->defect = TEXTFILE_GOOD;
}

/* Reads one line into j->bytes. *eof is set when there is none. */
static enum err read_line(struct jsonl *j, bool *eof, struct errinfo *ei)
{
	struct textfile *s = j->file;
	bool complete = false, any = false;

	buf_reset(&j->bytes);
	j->defect = false;
	j->line++;
	while (!complete) {
		if (s->at == s->end) {
			enum err e = textfile_fill(s, ei);
			if (e != OK)
				return e;
			if (s->at == s->end)
				break;
		}
		if (s->defect != TEXTFILE_GOOD)
			note_defect(j);
		any = true;
		complete = take(j);
		if ((int64_t)j->bytes.len > j->max_line)
			return err_set(ei, ERR_TOO_LARGE, "line %lld is longer than %lld bytes",
				       (long long)j->line, (long long)j->max_line);
	}
	*eof = !any;
	return OK;
}

static bool is_blank(const struct buf *line)
{
	return line->len == 0 || strspn(line->data, " \t\r") == line->len;
}

/* How many values the line can hold at most: one for each comma, colon or opening bracket outside
 * strings, and one more. */
static size_t count_values(const struct buf *line)
{
	size_t n = 1;
	bool quoted = false;

	for (size_t i = 0; i < line->len; i++) {
		char byte = line->data[i];
		if (byte == '"')
			quoted = !quoted;
		else if (quoted)
			i += byte == '\\';
		else
			n += byte == ',' || byte == ':' || byte == '[' || byte == '{';
	}
	return n;
}

static enum err parse(const struct jsonl *j, json_t **out, struct errinfo *ei)
{
	struct errinfo why;
	int line, column, skip = 0;

	if (j->defect)
		return err_set(ei, ERR_SYNTAX, "%s", j->what.msg);
	if (j->bytes.len > JSONL_MAX_VALUES && count_values(&j->bytes) > JSONL_MAX_VALUES)
		return err_set(ei, ERR_TOO_LARGE, "line %lld has more than %d values",
			       (long long)j->line, JSONL_MAX_VALUES);
	if (json_parse(j->bytes.data, j->bytes.len, out, &why) != OK) {
		/* The parser saw one line only: its own line number would mislead. */
		if (sscanf(why.msg, "line %d, column %d: %n", &line, &column, &skip) == 2 && skip)
			return err_set(ei, ERR_SYNTAX, "line %lld, column %d: %s",
				       (long long)j->line, column, why.msg + skip);
		return err_set(ei, ERR_SYNTAX, "line %lld: %s", (long long)j->line, why.msg);
	}
	if (json_is_object(*out))
		return OK;
	json_decref(*out);
	*out = NULL;
	return err_set(ei, ERR_SYNTAX, "line %lld: not a JSON object", (long long)j->line);
}

enum err jsonl_next(struct jsonl *j, json_t **out, int64_t *line, struct errinfo *ei)
{
	bool eof = false;

	*out = NULL;
	do {
		enum err e = read_line(j, &eof, ei);
		if (e != OK || eof)
			return e;
	} while (is_blank(&j->bytes));
	*line = j->line;
	return parse(j, out, ei);
}
