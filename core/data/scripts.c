/* Writing systems: see scripts.h. */
#include "data/scripts.h"

#include "text/unicode.h"

static const struct range {
	uint32_t first, last;
	enum script script;
} ranges[] = {
	{ 0x0041, 0x005A, SCRIPT_LATIN },
	{ 0x0061, 0x007A, SCRIPT_LATIN },
	{ 0x00AA, 0x00AA, SCRIPT_LATIN },
	{ 0x00BA, 0x00BA, SCRIPT_LATIN },
	{ 0x00C0, 0x00D6, SCRIPT_LATIN },
	{ 0x00D8, 0x00F6, SCRIPT_LATIN },
	{ 0x00F8, 0x02AF, SCRIPT_LATIN },
	{ 0x0370, 0x0373, SCRIPT_GREEK },
	{ 0x0376, 0x037D, SCRIPT_GREEK },
	{ 0x037F, 0x03FF, SCRIPT_GREEK },
	{ 0x0400, 0x052F, SCRIPT_CYRILLIC },
	{ 0x0531, 0x0556, SCRIPT_ARMENIAN },
	{ 0x0560, 0x0588, SCRIPT_ARMENIAN },
	{ 0x05D0, 0x05F2, SCRIPT_HEBREW },
	{ 0x0620, 0x064A, SCRIPT_ARABIC },
	{ 0x066E, 0x06D3, SCRIPT_ARABIC },
	{ 0x06D5, 0x06D5, SCRIPT_ARABIC },
	{ 0x06EE, 0x06EF, SCRIPT_ARABIC },
	{ 0x06FA, 0x06FF, SCRIPT_ARABIC },
	{ 0x0700, 0x074F, SCRIPT_OTHER }, /* Syriac */
	{ 0x0750, 0x077F, SCRIPT_ARABIC },
	{ 0x0780, 0x086F, SCRIPT_OTHER }, /* Thaana to Mandaic */
	{ 0x0870, 0x08C9, SCRIPT_ARABIC },
	{ 0x0900, 0x0963, SCRIPT_INDIC },
	{ 0x0966, 0x0DF3, SCRIPT_INDIC },
	{ 0x0E01, 0x0E3A, SCRIPT_THAI },
	{ 0x0E40, 0x0E4E, SCRIPT_THAI },
	{ 0x0E80, 0x109F, SCRIPT_OTHER }, /* Lao, Tibetan, Myanmar */
	{ 0x10A0, 0x10FA, SCRIPT_GEORGIAN },
	{ 0x10FC, 0x10FF, SCRIPT_GEORGIAN },
	{ 0x1100, 0x11FF, SCRIPT_HANGUL },
	{ 0x1200, 0x135F, SCRIPT_ETHIOPIC },
	{ 0x1380, 0x138F, SCRIPT_ETHIOPIC },
	{ 0x13A0, 0x1C7F, SCRIPT_OTHER }, /* Cherokee to Ol Chiki */
	{ 0x1C80, 0x1C8F, SCRIPT_CYRILLIC },
	{ 0x1C90, 0x1CBF, SCRIPT_GEORGIAN },
	{ 0x1D00, 0x1DBF, SCRIPT_LATIN },
	{ 0x1E00, 0x1EFF, SCRIPT_LATIN },
	{ 0x1F00, 0x1FFC, SCRIPT_GREEK },
	{ 0x2071, 0x2071, SCRIPT_LATIN },
	{ 0x207F, 0x207F, SCRIPT_LATIN },
	{ 0x2090, 0x209C, SCRIPT_LATIN },
	{ 0x231A, 0x231B, SCRIPT_EMOJI },
	{ 0x23E9, 0x23F3, SCRIPT_EMOJI },
	{ 0x2600, 0x27BF, SCRIPT_EMOJI },
	{ 0x2B50, 0x2B55, SCRIPT_EMOJI },
	{ 0x2C00, 0x2C5F, SCRIPT_OTHER }, /* Glagolitic */
	{ 0x2C60, 0x2C7F, SCRIPT_LATIN },
	{ 0x2C80, 0x2CEE, SCRIPT_OTHER }, /* Coptic */
	{ 0x2D00, 0x2D2F, SCRIPT_GEORGIAN },
	{ 0x2D30, 0x2D7F, SCRIPT_OTHER }, /* Tifinagh */
	{ 0x2D80, 0x2DDF, SCRIPT_ETHIOPIC },
	{ 0x2DE0, 0x2DFF, SCRIPT_CYRILLIC },
	{ 0x2E80, 0x2FD5, SCRIPT_HAN },
	{ 0x3005, 0x3007, SCRIPT_HAN },
	{ 0x3021, 0x3029, SCRIPT_HAN },
	{ 0x3041, 0x3096, SCRIPT_KANA },
	{ 0x309D, 0x309F, SCRIPT_KANA },
	{ 0x30A1, 0x30FA, SCRIPT_KANA },
	{ 0x30FC, 0x30FF, SCRIPT_KANA },
	{ 0x3105, 0x312F, SCRIPT_OTHER }, /* Bopomofo */
	{ 0x3131, 0x318E, SCRIPT_HANGUL },
	{ 0x31A0, 0x31BF, SCRIPT_OTHER },
	{ 0x31F0, 0x31FF, SCRIPT_KANA },
	{ 0x3400, 0x4DBF, SCRIPT_HAN },
	{ 0x4E00, 0x9FFF, SCRIPT_HAN },
	{ 0xA000, 0xA63F, SCRIPT_OTHER }, /* Yi, Lisu, Vai */
	{ 0xA640, 0xA69F, SCRIPT_CYRILLIC },
	{ 0xA6A0, 0xA6FF, SCRIPT_OTHER }, /* Bamum */
	{ 0xA722, 0xA788, SCRIPT_LATIN },
	{ 0xA78B, 0xA7FF, SCRIPT_LATIN },
	{ 0xA800, 0xA8D9, SCRIPT_OTHER },
	{ 0xA8E0, 0xA8FF, SCRIPT_INDIC }, /* Devanagari Extended */
	{ 0xA900, 0xA95F, SCRIPT_OTHER },
	{ 0xA960, 0xA97F, SCRIPT_HANGUL },
	{ 0xA980, 0xAAFF, SCRIPT_OTHER },
	{ 0xAB00, 0xAB2F, SCRIPT_ETHIOPIC },
	{ 0xAB30, 0xAB6B, SCRIPT_LATIN },
	{ 0xAB70, 0xABFF, SCRIPT_OTHER },
	{ 0xAC00, 0xD7FF, SCRIPT_HANGUL },
	{ 0xF900, 0xFAFF, SCRIPT_HAN },
	{ 0xFB00, 0xFB06, SCRIPT_LATIN },
	{ 0xFB13, 0xFB17, SCRIPT_ARMENIAN },
	{ 0xFB1D, 0xFB4F, SCRIPT_HEBREW },
	{ 0xFB50, 0xFDFF, SCRIPT_ARABIC },
	{ 0xFE70, 0xFEFC, SCRIPT_ARABIC },
	{ 0xFF21, 0xFF3A, SCRIPT_LATIN },
	{ 0xFF41, 0xFF5A, SCRIPT_LATIN },
	{ 0xFF66, 0xFF9D, SCRIPT_KANA },
	{ 0xFFA0, 0xFFDC, SCRIPT_HANGUL },
	{ 0x10000, 0x1AFEF, SCRIPT_OTHER }, /* historic scripts */
	{ 0x1AFF0, 0x1B16F, SCRIPT_KANA },
	{ 0x1B170, 0x1EFFF, SCRIPT_OTHER }, /* with the letters of mathematics */
	{ 0x1F000, 0x1FAFF, SCRIPT_EMOJI },
	{ 0x20000, 0x3FFFD, SCRIPT_HAN },
};

const char *script_name(enum script s)
{
	static const char *const names[] = {
#define X(code, name) name,
		SCRIPTS(X)
#undef X
	};

	return names[s];
}

static enum script script_of(uint32_t c)
{
	size_t low = 0, high = sizeof(ranges) / sizeof(ranges[0]);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (c > ranges[middle].last)
			low = middle + 1;
		else if (c < ranges[middle].first)
			high = middle;
		else
			return ranges[middle].script;
	}
	return SCRIPT_NONE;
}

static void count_letters(const unsigned char *p, const unsigned char *end, size_t *counts)
{
	uint32_t c;

	while (p < end) {
		p = utf8_next(p, &c);
		if (c >= 0x80)
			counts[script_of(c)]++;
		else
			counts[SCRIPT_LATIN] += (c | 0x20) - 'a' < 26;
	}
}

enum script script_of_text(const char *text, size_t len)
{
	size_t counts[N_SCRIPTS] = { 0 };
	int most = SCRIPT_NONE;

	while (len > 0) {
		size_t valid = utf8_valid_length(text, len), step = valid + (valid < len);

		count_letters((const unsigned char *)text, (const unsigned char *)text + valid,
			      counts);
		text += step;
		len -= step;
	}
	counts[SCRIPT_NONE] = 0;
	for (int s = SCRIPT_NONE + 1; s < N_SCRIPTS; s++)
		if (counts[s] > counts[most])
			most = s;
	return (enum script)most;
}
