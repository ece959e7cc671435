/*
 * bare.c - main() of test programs without Criterion: each test in a process
 * of its own, one after the other, and Criterion's last line, which the gate
 * and scripts/count-tests read. A report of a sanitizer is an exit code.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>

/* A test that hangs is one that crashes. */
#define TEST_TIMEOUT_S 60

static struct bare_suite *suites;
static struct bare_test *tests;

void bare_add_suite(struct bare_suite *suite)
{
	suite->next = suites;
	suites = suite;
}

void bare_add_test(struct bare_test *test)
{
	test->next = tests;
	tests = test;
}

void bare_fail(const char *file, int line, const char *what, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: %s:", file, line, what);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

static struct bare_options options_of(const struct bare_test *test)
{
	struct bare_options options = { NULL, NULL };

	for (const struct bare_suite *suite = suites; suite; suite = suite->next) {
		if (strcmp(suite->name, test->suite) == 0)
			options = suite->options;
	}
	if (test->options.init)
		options.init = test->options.init;
	if (test->options.fini)
		options.fini = test->options.fini;
	return options;
}

static void run_here(const struct bare_test *test)
{
	struct bare_options options = options_of(test);

	(void)alarm(TEST_TIMEOUT_S);
	if (options.init)
		options.init();
	test->fn();
	if (options.fini)
		options.fini();
	exit(0); /* not _exit(): TSan says at the end what it has found */
}

/* As waitpid() says. */
static int run(const struct bare_test *test)
{
	int status = -1;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_here(test);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	return status;
}

int main(void)
{
	unsigned n_tested = 0, n_passed = 0, n_failed = 0, n_crashed = 0;

	for (const struct bare_test *test = tests; test; test = test->next) {
		int status = run(test);

		n_tested++;
		if (status == 0) {
			n_passed++;
			continue;
		}
		if (WIFEXITED(status))
			n_failed++;
		else
			n_crashed++;
		printf("[FAIL] %s::%s (status 0x%x)\n", test->suite, test->name, (unsigned)status);
	}
	printf("[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: %u\n",
	       n_tested, n_passed, n_failed, n_crashed);
	return n_passed == n_tested ? 0 : 1;
}
