/* SPDX-License-Identifier: MIT */
/* Reasons and messages: one line, whole, escaped, errno kept. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/log.h"

static void test_fail_fills_and_returns(void **state)
{
	struct failure why = { 0 };

	(void)state;
	errno = ENOTTY;
	assert_int_equal(fail(&why, -EINVAL, "no '%s' of %d", "x", 7), -EINVAL);
	assert_int_equal(why.error, -EINVAL);
	assert_string_equal(why.text, "no 'x' of 7");
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(fail(NULL, -EIO, "nobody reads this"), -EIO);
}

static void test_fail_errno_says_why(void **state)
{
	struct failure why = { 0 };
	char longer[2000];

	(void)state;
	assert_int_equal(fail_errno(&why, -EACCES, "cannot open '%s'", "a"), -EACCES);
	assert_string_equal(why.text, "cannot open 'a': Permission denied");
	fail_errno(&why, -99999, "odd");
	assert_string_equal(why.text, "odd: unknown error");
	assert_string_equal(error_text(13), "Permission denied");
	assert_string_equal(error_text(-13), "Permission denied");
	assert_string_equal(error_text(INT32_MIN), "unknown error");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	fail_errno(&why, -EACCES, "%s", longer);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
}

/* What the messages are on stderr, caught by a pipe in its place. */
static void test_log_lines(void **state)
{
	int ends[2], saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	char got[1024];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	dup2(ends[1], STDERR_FILENO);
	log_error("early");
	log_set_command("record");
	errno = ENOENT;
	log_error("cannot open '%s'", "a\033[31m\nb\xff");
	assert_int_equal(errno, ENOENT);
	log_warning("careful");
	log_set_level(LOG_ERROR);
	log_warning("not shown");
	log_info("not shown");
	log_set_level(LOG_QUIET);
	log_error("not shown");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	n = read(ends[0], got, sizeof(got) - 1);
	close(ends[0]);
	assert_true(n > 0);
	got[n] = '\0';
	assert_string_equal(got, "forkscope: early\n"
				 "forkscope: record: cannot open 'a\\e[31m\\nb\\xff'\n"
				 "forkscope: record: warning: careful\n");
}

ISOLATE(test_log_lines)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fail_fills_and_returns),
		cmocka_unit_test(test_fail_errno_says_why),
		ISOLATED(test_log_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
