/* The CSV reader: see csv.h. A state machine over the windows of a text file. */
#include "data/csv.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>

enum state {
	BETWEEN, /* before the first byte of a row */
	BLANK,	 /* so far only blanks and tabs: a line to skip, or the start of a field */
	START,	 /* before the first byte of a field */
	BARE,	 /* in a field, outside quotes */
	QUOTED,	 /* within quotes */
	QUOTE,	 /* behind a quote within quotes: the closing one, or the first of two */
};

struct csv {
	struct textfile *file;
	int64_t max_field;
	struct buf bytes; /* the fields of the row, each with its terminator */
	size_t field;	  /* where the open field begins in bytes */
	size_t starts[CSV_MAX_FIELDS], lengths[CSV_MAX_FIELDS];
	const char *fields[CSV_MAX_FIELDS];
	int n; /* fields that are closed */
	enum state state;
	bool complete;	     /* the row is */
	bool after_cr;	     /* the byte before was a CR: an LF now is part of the same line end */
	int64_t line;	     /* of the next byte, from 1 */
	int64_t row_line;    /* where the row begins */
	int64_t quote_line;  /* where the quoted field begins */
	enum err fault;	     /* the first one of the row */
	struct errinfo what; /* its words */
};

struct csv *csv_new(struct textfile *file, int64_t max_field)
{
	struct csv *c = mem_zalloc(1, sizeof(*c));

	c->file = file;
	c->max_field = max_field;
	c->line = 1;
	return c;
}

void csv_free(struct csv *c)
{
	if (!c)
		return;
	buf_clear(&c->bytes);
	free(c);
}

static void count_line(struct csv *c, char byte)
{
	c->line += byte == '\r' || (byte == '\n' && !c->after_cr);
	c->after_cr = byte == '\r';
}

static void end_field(struct csv *c)
{
	if (c->n == CSV_MAX_FIELDS) {
		c->fault = err_set(&c->what, ERR_TOO_LARGE,
				   "line %lld: more than %d fields in one row",
				   (long long)c->row_line, CSV_MAX_FIELDS);
		return;
	}
	c->starts[c->n] = c->field;
	c->lengths[c->n] = c->bytes.len - c->field;
	c->n++;
	buf_putc(&c->bytes, '\0');
	c->field = c->bytes.len;
	c->state = START;
}

static void end_row(struct csv *c)
{
	end_field(c);
	c->complete = true;
}

static void fault_long_field(struct csv *c)
{
	if (c->state == QUOTED)
		c->fault =
			err_set(&c->what, ERR_TOO_LARGE,
				"line %lld: the quoted field that begins here is longer than %lld "
				"bytes; is its closing quote missing?",
				(long long)c->quote_line, (long long)c->max_field);
	else
		c->fault = err_set(&c->what, ERR_TOO_LARGE,
				   "line %lld: a field is longer than %lld bytes",
				   (long long)c->row_line, (long long)c->max_field);
}

/* Takes n bytes of the window into the open field. */
static void take(struct csv *c, size_t n)
{
	buf_append(&c->bytes, c->file->at, n);
	c->file->at += n;
	c->after_cr = false;
	if ((int64_t)(c->bytes.len - c->field) > c->max_field)
		fault_long_field(c);
	else if ((int64_t)c->bytes.len > c->max_field * CSV_ROW_FIELDS)
		c->fault = err_set(
			&c->what, ERR_TOO_LARGE, "line %lld: the row is longer than %lld bytes",
			(long long)c->row_line, (long long)c->max_field * CSV_ROW_FIELDS);
}

/* The bytes of the window before the next one that a field outside quotes ends with. */
static size_t bare_run(const struct textfile *s)
{
	const char *p = s->at;

	while (p < s->end && *p != ',' && *p != '\n' && *p != '\r')
		p++;
	return (size_t)(p - s->at);
}

static void skip(struct csv *c)
{
	count_line(c, *c->file->at++);
}

/* A byte outside quotes that may end the field or the row; others are taken as part of the field.
 */
static void unquoted(struct csv *c)
{
	switch (*c->file->at) {
	case ',':
		end_field(c);
		skip(c);
		break;
	case '\n':
	case '\r':
		end_row(c);
		skip(c);
		break;
	default:
		c->state = BARE;
		take(c, bare_run(c->file));
	}
}

static void between(struct csv *c)
{
	char byte = *c->file->at;

	if (byte == '\n' || byte == '\r') {
		skip(c);
		return;
	}
	c->row_line = c->line;
	c->state = byte == ' ' || byte == '\t' ? BLANK : START;
}

static void blank(struct csv *c)
{
	char byte = *c->file->at;

	if (byte == ' ' || byte == '\t') {
		take(c, 1);
	} else if (byte == '\n' || byte == '\r') {
		buf_reset(&c->bytes);
		c->state = BETWEEN;
	} else {
		c->state = BARE;
	}
}

static void start(struct csv *c)
{
	if (*c->file->at != '"') {
		unquoted(c);
		return;
	}
	c->quote_line = c->line;
	c->state = QUOTED;
	skip(c);
}

static void quoted(struct csv *c)
{
	const struct textfile *s = c->file;
	const char *p = s->at;

	if (*p == '"') {
		c->state = QUOTE;
		skip(c);
		return;
	}
	for (; p < s->end && *p != '"'; p++)
		if (*p == '\n' || *p == '\r' || c->after_cr)
			count_line(c, *p);
	bool after_cr = c->after_cr;
	take(c, (size_t)(p - s->at));
	c->after_cr = after_cr;
}

static void quote(struct csv *c)
{
	if (*c->file->at != '"') {
		unquoted(c);
		return;
	}
	c->state = QUOTED;
	take(c, 1);
}

static void step(struct csv *c)
{
	switch (c->state) {
	case BETWEEN:
		between(c);
		break;
	case BLANK:
		blank(c);
		break;
	case START:
		start(c);
		break;
	case BARE:
		unquoted(c);
		break;
	case QUOTED:
		quoted(c);
		break;
	case QUOTE:
		quote(c);
		break;
	}
}

/* The file has ended: closes the row that is open. */
static void finish(struct csv *c)
{
	if (c->state == QUOTED)
		c->fault = err_set(&c->what, ERR_SYNTAX,
				   "line %lld: the quoted field that begins here is never closed",
				   (long long)c->quote_line);
	else if (c->state != BETWEEN && c->state != BLANK)
		end_row(c);
	c->state = BETWEEN;
}

/* Notes the first byte of the row that no text may hold; it is read on as if it were an ordinary
 * one. */
static void note_defect(struct csv *c)
{
	if (c->fault == OK)
		c->fault = textfile_fault(c->file, c->line, &c->what);
	c->file->defect = TEXTFILE_GOOD;
}

static void begin(struct csv *c)
{
	buf_reset(&c->bytes);
	c->field = 0;
	c->n = 0;
	c->state = BETWEEN;
	c->complete = false;
	c->fault = OK;
}

enum err csv_next(struct csv *c, struct csv_row *row, struct errinfo *ei)
{
	bool eof = false;

	begin(c);
	while (!c->complete && !eof && c->fault != ERR_TOO_LARGE) {
		if (c->file->defect != TEXTFILE_GOOD)
			note_defect(c);
		if (c->file->at < c->file->end) {
			step(c);
			continue;
		}
		enum err e = textfile_fill(c->file, ei);
		if (e != OK)
			return e;
		eof = c->file->at == c->file->end;
		if (eof)
			finish(c);
	}
	if (c->fault != OK)
		return err_set(ei, c->fault, "%s", c->what.msg);
	for (int i = 0; i < c->n; i++)
		c->fields[i] = c->bytes.data + c->starts[i];
	*row = (struct csv_row){ c->n, c->row_line, c->fields, c->lengths };
	return OK;
}
