/* SPDX-License-Identifier: MIT */
/* Width of text, glyphs, and tables. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "base/term.h"

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(term_width("abc", 3), 3);
	assert_int_equal(term_width("äöü", 6), 3);
	assert_int_equal(term_width("日本", 6), 4);
	assert_int_equal(term_width("e\xcc\x81", 3), 1);
	assert_int_equal(term_width("\xff\xfe", 2), 2);
	assert_int_equal(term_fit("日本", 6, 3), 3);
	assert_int_equal(term_fit("abc", 3, 9), 3);
	assert_int_equal(term_fit("abc", 3, 0), 0);
}

static void test_glyphs_and_styles(void **state)
{
	struct term plain = { 0 }, rich = { .color = true, .utf8 = true };

	(void)state;
	assert_string_equal(term_glyph(&plain, GLYPH_LAST), "`- ");
	assert_string_equal(term_glyph(&rich, GLYPH_LAST), "└─ ");
	assert_string_equal(term_style(&plain, STYLE_RED), "");
	assert_string_equal(term_style(&rich, STYLE_RED), "\033[31m");
}

static void test_locale(void **state)
{
	(void)state;
	setenv("LC_ALL", "de_DE.UTF-8", 1);
	assert_true(term_is_utf8());
	setenv("LC_ALL", "C", 1);
	assert_false(term_is_utf8());
	unsetenv("LC_ALL");
	unsetenv("LC_CTYPE");
	setenv("LANG", "en_US.utf8", 1);
	assert_true(term_is_utf8());
	unsetenv("LANG");
	assert_false(term_is_utf8());
}

static char *printed(const struct term *term)
{
	static const char *const headings[] = { "NAME", ">N", "REST", NULL };
	struct table t;
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	table_init(&t, headings);
	table_add(&t, STYLE_RED, "äpfel");
	table_printf(&t, STYLE_PLAIN, "%d", 7);
	table_add(&t, STYLE_PLAIN, "a long end");
	table_note(&t, STYLE_PLAIN, "a note that no column minds");
	table_add(&t, STYLE_PLAIN, "b");
	table_add(&t, STYLE_PLAIN, "1234");
	table_add(&t, STYLE_PLAIN, "");
	assert_int_equal(table_print(&t, term, to), 0);
	fclose(to);
	return text;
}

static void test_table(void **state)
{
	struct term wide = { .utf8 = true }, narrow = { .width = 20 }, rich = { .color = true };
	char *text = printed(&wide);

	(void)state;
	assert_string_equal(text, "NAME      N  REST\n"
				  "äpfel     7  a long end\n"
				  "a note that no column minds\n"
				  "b      1234\n");
	free(text);
	text = printed(&narrow);
	assert_string_equal(text, "NAME      N  REST\n"
				  "äpfel     7  a lo...\n"
				  "a note that no co...\n"
				  "b      1234\n");
	free(text);
	text = printed(&rich);
	assert_non_null(strstr(text, "\033[31mäpfel\033[0m     7  a long end\n"));
	free(text);
}

/* What can be spared goes in the order given, and is named; without a width everything stays. */
static void test_spare_columns(void **state)
{
	static const char *const headings[] = { "NAME", ">FIRST", ">SECOND", "END", NULL };
	static const unsigned char spare[] = { 2, 1 };
	const struct term none = { .width = 0 }, some = { .width = 18 }, little = { .width = 10 };
	const struct term *const terms[] = { &none, &some, &little };
	static const char *const texts[] = {
		"NAME  FIRST  SECOND  END\na         1       2  x\n",
		"NAME  FIRST  END\na         1  x\nSECOND: no room on this terminal\n",
		"NAME  END\na     x\nSECOND, FIRST: no room on this terminal\n",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *text = NULL;
		size_t len;
		FILE *to = open_memstream(&text, &len);
		struct table t;

		assert_non_null(to);
		table_init(&t, headings);
		table_spare(&t, spare, sizeof(spare));
		table_add(&t, STYLE_PLAIN, "a");
		table_add(&t, STYLE_PLAIN, "1");
		table_add(&t, STYLE_PLAIN, "2");
		table_add(&t, STYLE_PLAIN, "x");
		assert_int_equal(table_fits(&t, terms[i]), i == 0);
		assert_int_equal(table_print(&t, terms[i], to), 0);
		assert_int_equal(fclose(to), 0);
		assert_string_equal(text, texts[i]);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),	      cmocka_unit_test(test_glyphs_and_styles),
		cmocka_unit_test(test_locale),	      cmocka_unit_test(test_table),
		cmocka_unit_test(test_spare_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
