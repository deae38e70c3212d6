/* Prometheus' text format: see exposition.h. */
#include "exposition.h"

#include <math.h>

void exposition_describe(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void scalar(struct buf *out, const char *name, const char *type, const char *help, double v)
{
	exposition_describe(out, name, type, help);
	if (isnan(v))
		buf_printf(out, "%s NaN\n", name);
	else
		buf_printf(out, "%s %.15g\n", name, v);
}

void exposition_gauge(struct buf *out, const char *name, const char *help, double v)
{
	scalar(out, name, "gauge", help, v);
}

void exposition_counter(struct buf *out, const char *name, const char *help, double v)
{
	scalar(out, name, "counter", help, v);
}

void exposition_label(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n') {
			buf_puts(out, "\\n");
			continue;
		}
		if (*value == '"' || *value == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *value);
	}
	buf_putc(out, '"');
}

void exposition_histogram(struct buf *out, const char *name, const char *labels,
			  const struct histogram *h, const struct histogram_bounds *b)
{
	const char *comma = *labels ? "," : "";
	const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
	int64_t below = 0;

	for (int i = 0; i < b->n; i++) {
		below += h->counts[i];
		buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %lld\n", name, labels, comma, b->at[i],
			   (long long)below);
	}
	buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %lld\n", name, labels, comma,
		   (long long)h->count);
	buf_printf(out, "%s_sum%s%s%s %.9g\n", name, open, labels, close, h->sum);
	buf_printf(out, "%s_count%s%s%s %lld\n", name, open, labels, close, (long long)h->count);
}
