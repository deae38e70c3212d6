/* Writing systems, coarsely: enough to say which language a vocabulary has no words for. Pure. */
#ifndef BERTD_DATA_SCRIPTS_H
#define BERTD_DATA_SCRIPTS_H

#include <stddef.h>
#include <stdint.h>

#define SCRIPTS(X) \
	X(SCRIPT_NONE, "none") /* no letters: digits, punctuation, symbols */ \
	X(SCRIPT_LATIN, "Latin") \
	X(SCRIPT_GREEK, "Greek") \
	X(SCRIPT_CYRILLIC, "Cyrillic") \
	X(SCRIPT_ARMENIAN, "Armenian") \
	X(SCRIPT_HEBREW, "Hebrew") \
	X(SCRIPT_ARABIC, "Arabic") \
	X(SCRIPT_INDIC, "Indic") /* Devanagari to Sinhala */ \
	X(SCRIPT_THAI, "Thai") \
	X(SCRIPT_GEORGIAN, "Georgian") \
	X(SCRIPT_ETHIOPIC, "Ethiopic") \
	X(SCRIPT_HAN, "Han") \
	X(SCRIPT_KANA, "Kana") \
	X(SCRIPT_HANGUL, "Hangul") \
	X(SCRIPT_EMOJI, "emoji") \
	X(SCRIPT_OTHER, "other")
enum script {
#define X(code, name) code,
	SCRIPTS(X)
#undef X
		N_SCRIPTS
};
const char *script_name(enum script s);

/* The script of most letters of a UTF-8 text (the one that comes first in the list above where two
 * are even); bytes that are not UTF-8 are passed over. Source: the blocks of the Unicode Standard.
 */
enum script script_of_text(const char *text, size_t len);

#endif
