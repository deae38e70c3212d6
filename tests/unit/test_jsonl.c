/* The JSON Lines reader: objects, their lines, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "data/jsonl.h"

#include "memfile.h"

#define MAX_LINE 70000

/* Appends every object as "line:object;", every refused line as "!message;". */
static void assert_renders(const char *data, size_t n, const char *expected)
{
	int fd = memfile(data, n);
	struct buf out = { 0 };
	struct textfile file;
	struct errinfo ei;
	json_t *object;
	int64_t line;
	enum err e;

	textfile_init(&file, fd, 1 << 20);
	struct jsonl *jsonl = jsonl_new(&file, MAX_LINE);
	do {
		e = jsonl_next(jsonl, &object, &line, &ei);
		if (e != OK) {
			buf_printf(&out, "!%s;", ei.msg);
		} else if (object) {
			buf_printf(&out, "%d:", (int)line);
			json_print(object, &out);
			buf_putc(&out, ';');
			json_decref(object);
		}
	} while (e == ERR_SYNTAX || (e == OK && object));
	assert_string_equal(out.data ? out.data : "", expected);
	buf_clear(&out);
	jsonl_free(jsonl);
	textfile_clear(&file);
	close(fd);
}

struct jsonl_case {
	const char *bytes;
	const char *objects;
};

static void each_line_is_an_object(void **state)
{
	static const struct jsonl_case cases[] = {
		{ "", "" },
		{ "\n \t\r\n", "" },
		{ "{}", "1:{};" },
		{ "{\"a\":1}\n{\"a\":\"\\n\"}\n", "1:{\"a\":1};2:{\"a\":\"\\n\"};" },
		{ "\r\n{\"a\": null}\r\n\r\n  {\"b\": [1, 2]}  \r\n",
		  "2:{\"a\":null};4:{\"b\":[1,2]};" },
		{ "\xef\xbb\xbf{\"\xc3\xa9\":true}", "1:{\"\xc3\xa9\":true};" },
		{ "{\"a\":1.5}\n\n\n{\"b\":2}", "1:{\"a\":1.5};4:{\"b\":2};" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_renders(cases[i].bytes, strlen(cases[i].bytes), cases[i].objects);
}

static void broken_lines_are_refused_and_the_others_read(void **state)
{
	static const struct jsonl_case cases[] = {
		{ "[1]\n{}", "!line 1: not a JSON object;2:{};" },
		{ "{}\n3\n{}", "1:{};!line 2: not a JSON object;3:{};" },
		{ "\n{\"a\":\"\xff\"}\n{}",
		  "!line 2: byte 0xff at offset 7 of the file is not UTF-8;3:{};" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_renders(cases[i].bytes, strlen(cases[i].bytes), cases[i].objects);
	assert_renders("{}\n{\"a\":\"\0\"}", 12,
		       "1:{};!line 2: a NUL byte at offset 9 of the file;");
}

/* Lines that the JSON parser refuses in words of its own. */
static void broken_json_is_refused_with_line_and_column(void **state)
{
	static const char *const lines[] = {
		"{\"a\":1,\"a\":2}",
		"{\"a\":1} {}",
		"{\"a\":1",
		"{\"a\":NaN}",
		"{'a':1}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":99999999999999999999}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		int fd = memfile_text(lines[i]);
		struct textfile file;
		struct errinfo ei;
		json_t *object;
		int64_t line;
		textfile_init(&file, fd, 1 << 20);
		struct jsonl *jsonl = jsonl_new(&file, MAX_LINE);
		assert_int_equal(jsonl_next(jsonl, &object, &line, &ei), ERR_SYNTAX);
		assert_memory_equal(ei.msg, "line 1, column ", 15);
		assert_null(strstr(ei.msg + 15, "line"));
		jsonl_free(jsonl);
		textfile_clear(&file);
		close(fd);
	}
}

static void lines_above_the_limit_end_the_reading(void **state)
{
	struct buf file = { 0 };

	(void)state;
	buf_puts(&file, "{}\n{\"a\":\"");
	for (int i = 0; i < MAX_LINE; i++)
		buf_putc(&file, 'x');
	buf_puts(&file, "\"}\n{}\n");
	assert_renders(file.data, file.len, "1:{};!line 2 is longer than 70000 bytes;");
	buf_clear(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_an_object),
		cmocka_unit_test(broken_lines_are_refused_and_the_others_read),
		cmocka_unit_test(broken_json_is_refused_with_line_and_column),
		cmocka_unit_test(lines_above_the_limit_end_the_reading),
	};

	return cmocka_run_group_tests_name("jsonl", tests, NULL, NULL);
}
