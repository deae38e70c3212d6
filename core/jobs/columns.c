/* Columns of rows: see columns.h. */
#include "jobs/columns.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

char *column_copy(struct stmt *s, int column)
{
	const char *text = stmt_get_text(s, column);

	return text ? mem_strdup(text) : NULL;
}

json_t *column_json(const char *text)
{
	json_t *v = NULL;

	if (!text)
		return json_null();
	BUG_ON(json_parse(text, strlen(text), &v, NULL) != OK);
	return v;
}

json_t *column_time(int64_t ms)
{
	char when[CLOCK_TEXT_SIZE];

	return ms ? json_string(clock_rfc3339(ms, when)) : json_null();
}

json_t *column_string(const char *text)
{
	return text ? json_string(text) : json_null();
}
