/* Writing systems of texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "data/scripts.h"

static void a_text_has_the_script_of_most_of_its_letters(void **state)
{
	static const struct {
		const char *text, *script;
	} cases[] = {
		{ "", "none" },
		{ "12,5 % … (3)!", "none" },
		{ "Good film", "Latin" },
		{ "Ærlig søt naïveté", "Latin" },
		{ "Tiếng Việt", "Latin" },
		{ "ＦＵＬＬ", "Latin" },
		{ "Καλή ταινία", "Greek" },
		{ "Хороший фильм", "Cyrillic" },
		{ "Լավ ֆիլմ", "Armenian" },
		{ "סרט טוב", "Hebrew" },
		{ "فيلم جيد", "Arabic" },
		{ "अच्छी फिल्म", "Indic" },
		{ "நல்ல படம்", "Indic" },
		{ "หนังดี", "Thai" },
		{ "კარგი ფილმი", "Georgian" },
		{ "ጥሩ ፊልም", "Ethiopic" },
		{ "好电影", "Han" },
		{ "𠀀𠀁", "Han" },
		{ "とてもよい", "Kana" },
		{ "ｶﾀｶﾅ", "Kana" },
		{ "좋은 영화", "Hangul" },
		{ "😀👍", "emoji" },
		{ "❤️", "emoji" },
		{ "ດີ", "other" },
		{ "𝓗𝓮𝓵𝓵𝓸", "other" },
		{ "great 😀😀", "Latin" },
		{ "ok 😀😀😀", "emoji" },
		{ "Это film", "Latin" },
		{ "映画を見る", "Han" },
		{ "映画がすき", "Kana" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
			script_name(script_of_text(cases[i].text, strlen(cases[i].text))),
			cases[i].script);
}

static void an_even_text_has_the_script_that_is_listed_first(void **state)
{
	(void)state;
	assert_int_equal(script_of_text("да yes", 8), SCRIPT_LATIN);
	assert_int_equal(script_of_text("ok да", 7), SCRIPT_LATIN);
	assert_int_equal(script_of_text("好да", 7), SCRIPT_CYRILLIC);
	assert_int_equal(script_of_text("да好好", 10), SCRIPT_CYRILLIC);
}

static void bytes_that_are_not_utf8_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(script_of_text("\xff\xfe\xd0", 3), SCRIPT_NONE);
	assert_int_equal(script_of_text("\xd0\xb4\xff\xd0\xb0\xc0 x", 8), SCRIPT_CYRILLIC);
	assert_int_equal(script_of_text("\xed\xa0\x80 x", 5), SCRIPT_LATIN);
}

static void a_text_is_as_long_as_it_is_said_to_be(void **state)
{
	(void)state;
	assert_int_equal(script_of_text("a\0\xd0\xb4\xd0\xb0\xd0", 7), SCRIPT_CYRILLIC);
	assert_int_equal(script_of_text("a\xd0\xb4\xd0\xb0", 1), SCRIPT_LATIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_has_the_script_of_most_of_its_letters),
		cmocka_unit_test(an_even_text_has_the_script_that_is_listed_first),
		cmocka_unit_test(bytes_that_are_not_utf8_are_passed_over),
		cmocka_unit_test(a_text_is_as_long_as_it_is_said_to_be),
	};

	return cmocka_run_group_tests_name("scripts", tests, NULL, NULL);
}
