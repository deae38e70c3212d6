/* Words for values: see cell.h. */
#include "data/cell.h"

const char *cell_kind_words(enum cell_kind kind)
{
	static const char *const words[] = {
		[CELL_MISSING] = "missing",
		[CELL_BARE] = "a text",
		[CELL_STRING] = "a string",
		[CELL_INTEGER] = "a number",
		[CELL_BOOLEAN] = "true or false",
		[CELL_REAL] = "a number with a fraction or an exponent",
		[CELL_LIST] = "a list",
		[CELL_OBJECT] = "an object",
	};
	return words[kind];
}
