/* SPDX-License-Identifier: MIT */
/* Text from outside on a terminal: nothing steers, nothing deceives, nothing is lost. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

typedef void (*escape_function)(struct buffer *out, const char *text, size_t len);

static void expect(escape_function how, const char *text, size_t len, const char *want)
{
	struct buffer out = { 0 };

	how(&out, text, len);
	assert_false(out.failed);
	assert_string_equal(buffer_text(&out), want);
	buffer_free(&out);
}

#define EXPECT(how, text, want) expect(how, text, sizeof(text) - 1, want)

static void test_utf8_is_strict(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xc0\xaf",
		"\xc1\xbf",
		"\xe0\x80\xaf",
		"\xed\xa0\x80",
		"\xe2\x82",
		"\xf4\x90\x80\x80",
		"\xf0\x80\x80\xaf",
		"\xf8\x88\x80\x80",
		"\xff",
	};
	uint32_t point = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(utf8_decode(bad[i], strlen(bad[i]), &point), 0);
	assert_int_equal(utf8_decode("", 0, &point), 0);
	assert_int_equal(utf8_decode("\xe2\x82\xac", 3, &point), 3);
	assert_int_equal(point, 0x20ac);
	assert_int_equal(utf8_decode("\xf4\x8f\xbf\xbf", 4, &point), 4);
	assert_int_equal(point, 0x10ffff);
}

static void test_plain_text_stays(void **state)
{
	(void)state;
	EXPECT(escape_append, "", "");
	EXPECT(escape_append, "/usr/bin/caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80",
	       "/usr/bin/caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80");
}

static void test_unsafe_is_visible(void **state)
{
	(void)state;
	EXPECT(escape_append, "\033[2J\a\n\r\t\x7f", "\\e[2J\\x07\\n\\r\\t\\x7f");
	EXPECT(escape_append, "a\0b", "a\\x00b");
	EXPECT(escape_append, "\xff\xc3(", "\\xff\\xc3(");
	EXPECT(escape_append,
	       "\xc2\x9b"
	       "31m",
	       "\\u009b31m");
	EXPECT(escape_append, "x\xe2\x80\xaey", "x\\u202ey");
	EXPECT(escape_append, "\xf3\xa0\x80\x81", "\\U000e0001");
	EXPECT(escape_append, "a\\n", "a\\\\n");
	EXPECT(escape_message, "a\\n\n", "a\\n\\n");
}

static void test_quotes_as_a_shell_reads_them(void **state)
{
	(void)state;
	EXPECT(escape_quote, "", "''");
	EXPECT(escape_quote, "--a=b/c.d", "--a=b/c.d");
	EXPECT(escape_quote, "a b", "'a b'");
	EXPECT(escape_quote, "$(x)\\", "'$(x)\\'");
	EXPECT(escape_quote, "it's", "$'it\\'s'");
	EXPECT(escape_quote, "a\n\\", "$'a\\n\\\\'");
	EXPECT(escape_quote_argv, "sh\0-c\0a b\0", "sh -c 'a b'");
	EXPECT(escape_quote_argv, "sh\0-c", "sh -c");
	EXPECT(escape_quote_argv, "\0\0", "'' ''");
	EXPECT(escape_quote_argv, "", "");
}

/* bash itself reads back what escape_quote wrote, for every byte there is. */
static void test_bash_reads_it_back(void **state)
{
	struct buffer out = { 0 };
	char text[256], command[4096], got[512];
	size_t n = 0, len;
	FILE *shell;

	(void)state;
	for (n = 0; n < 255; n++)
		text[n] = (char)(n + 1);
	escape_quote(&out, text, n);
	assert_true((size_t)snprintf(command, sizeof(command),
				     "bash -c \"$(cat <<'END'\nprintf %%s %s\nEND\n)\"",
				     buffer_text(&out)) < sizeof(command));
	shell = popen(command, "re");
	assert_non_null(shell);
	len = fread(got, 1, sizeof(got), shell);
	assert_int_equal(pclose(shell), 0);
	assert_int_equal(len, n);
	assert_memory_equal(got, text, n);
	buffer_free(&out);
}

ISOLATE(test_bash_reads_it_back)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_is_strict),
		cmocka_unit_test(test_plain_text_stays),
		cmocka_unit_test(test_unsafe_is_visible),
		cmocka_unit_test(test_quotes_as_a_shell_reads_them),
		ISOLATED(test_bash_reads_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
