#ifndef WEIR_TESTS_BARE_CRITERION_H
#define WEIR_TESTS_BARE_CRITERION_H
/*
 * criterion.h - as much of Criterion as tests of threads need, for builds with
 * ThreadSanitizer, where Criterion itself does not start (its shared memory lies
 * where TSan has its own). The same test files are built with either.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct bare_options {
	void (*init)(void);
	void (*fini)(void);
	double timeout; /* of Criterion; here a test has that of its program */
};

struct bare_suite {
	struct bare_suite *next;
	const char *name;
	struct bare_options options;
};

struct bare_test {
	struct bare_test *next;
	const char *suite, *name;
	void (*fn)(void);
	struct bare_options options;
};

void bare_add_suite(struct bare_suite *suite);
void bare_add_test(struct bare_test *test);
/* Says what was wrong, and ends the test's process. */
__attribute__((noreturn, format(printf, 4, 5))) void bare_fail(const char *file, int line,
							       const char *what, const char *fmt,
							       ...);

#define TestSuite(suite_name, ...)                                                         \
	static struct bare_suite bare_suite_##suite_name = { .name = #suite_name,          \
							     .options = { __VA_ARGS__ } }; \
	__attribute__((constructor)) static void bare_suite_add_##suite_name(void)         \
	{                                                                                  \
		bare_add_suite(&bare_suite_##suite_name);                                  \
	}                                                                                  \
	extern int bare_end_of_suite_##suite_name

#define Test(suite_name, test_name, ...)                                                     \
	static void bare_test_##suite_name##_##test_name(void);                              \
	__attribute__((constructor)) static void bare_add_##suite_name##_##test_name(void)   \
	{                                                                                    \
		static struct bare_test test = { .suite = #suite_name,                       \
						 .name = #test_name,                         \
						 .fn = bare_test_##suite_name##_##test_name, \
						 .options = { __VA_ARGS__ } };               \
		bare_add_test(&test);                                                        \
	}                                                                                    \
	static void bare_test_##suite_name##_##test_name(void)

#define BARE_CHECK(holds, what, ...)                                          \
	do {                                                                  \
		if (!(holds))                                                 \
			bare_fail(__FILE__, __LINE__, what, " " __VA_ARGS__); \
	} while (0)

#define cr_assert_fail(...) bare_fail(__FILE__, __LINE__, "fails", " " __VA_ARGS__)
#define cr_assert(x, ...) BARE_CHECK((x), #x, __VA_ARGS__)
#define cr_assert_not(x, ...) BARE_CHECK(!(x), "not " #x, __VA_ARGS__)
#define cr_assert_null(x, ...) BARE_CHECK((x) == NULL, #x " is NULL", __VA_ARGS__)
#define cr_assert_not_null(x, ...) BARE_CHECK((x) != NULL, #x " is not NULL", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) BARE_CHECK((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) BARE_CHECK((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) BARE_CHECK((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) BARE_CHECK((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) BARE_CHECK((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) BARE_CHECK((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) BARE_CHECK(strcmp((a), (b)) == 0, #a " is " #b, __VA_ARGS__)

#endif
