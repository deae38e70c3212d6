/* README.md of a model that a job has made: a Hugging Face model card, Markdown behind YAML front
 * matter (https://huggingface.co/docs/hub/model-cards). Pure.
 *
 * Names, labels and files come from users: in the YAML they are double-quoted scalars, in the
 * Markdown text that means nothing to it. */
#ifndef BERTD_JOBS_CARD_H
#define BERTD_JOBS_CARD_H

#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"

struct card {
	const char *id;	       /* "mdl_…" or "job_…/checkpoint-79" */
	const char *job_id;    /* that made it */
	const char *name;      /* or NULL */
	const json_t *spec;    /* the request as resolved (job_spec_write) */
	const json_t *report;  /* the data report: its "rows" and "files" are used, where it has
				  them; or NULL */
	const json_t *labels;  /* array of the class names */
	const json_t *metrics; /* of the last evaluation, as evaluate() gives them, or NULL */
	const json_t *test;    /* the same of the test split, or NULL */
	int64_t step;	       /* optimizer steps done */
	double epoch;	       /* epochs done */
	const char *bertd, *libtorch, *device; /* what trained it */
};

/* Appends the card: base model, data (files with their digests, rows, sample), labels, max_length,
 * all arguments with the seed, metrics, versions, and how to use the model. */
void card_print(const struct card *c, struct buf *out);

/* s as a YAML 1.2 double-quoted scalar. */
void card_yaml(const char *s, struct buf *out);
/* s as the inside of an HTML element within a Markdown table: no character of it is markup, and it
 * stays on one line. */
void card_html(const char *s, struct buf *out);

#endif
