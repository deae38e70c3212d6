/* Prometheus' text format 0.0.4: what stands before the values, labels, histograms. */
#ifndef BERTD_SERVER_EXPOSITION_H
#define BERTD_SERVER_EXPOSITION_H

#include "base/buf.h"
#include "base/histogram.h"

/* The HELP and TYPE lines: once, before the values of the name. */
void exposition_describe(struct buf *out, const char *name, const char *type, const char *help);
/* A value without labels, described. */
void exposition_gauge(struct buf *out, const char *name, const char *help, double v);
void exposition_counter(struct buf *out, const char *name, const char *help, double v);
/* name="value", with what the format escapes. */
void exposition_label(struct buf *out, const char *name, const char *value);
/* The lines of a histogram; labels is "" or written with exposition_label, without braces. */
void exposition_histogram(struct buf *out, const char *name, const char *labels,
			  const struct histogram *h, const struct histogram_bounds *b);

#endif
