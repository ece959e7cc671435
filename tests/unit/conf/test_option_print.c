/* test_option_print.c - the packaged file is what the table says, and a good configuration. */
#include "conf/option_print.h"

#include "conf/option_table.h"
#include "conf_fixture.h"

static char *read_file(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *in = fopen(path, "re");

	cr_assert_not_null(in, "%s", path);
	cr_assert_not_null(text);
	cr_assert_lt(fread(text, 1, 65535, in), 65535);
	(void)fclose(in);
	return text;
}

Test(option_print, the_packaged_file_is_up_to_date)
{
	_cleanup_(freep) char *committed = read_file(CONF_PACKAGED);
	struct buf out;
	char *text;

	buf_init(&out, 0);
	cr_assert_eq(option_print_default(&out), 0);
	text = buf_steal(&out);
	cr_assert_str_eq(text, committed,
			 "conf/weir.yaml is old: build/weir --print-default > conf/weir.yaml");
	free(text);
}

Test(option_print, the_packaged_file_is_all_defaults)
{
	struct fixture f;

	fixture_init(&f);
	f.cli.file = CONF_PACKAGED;
	fixture_load(&f, NULL);
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_assert_eq(f.messages.n_errors, 0);
	fixture_done(&f);
}

/* "#key" becomes "key"; "# words" stay as they are. */
static char *without_hashes(const char *text)
{
	char *plain = strdup(text), *to = plain;
	bool is_words = false, is_start = true;

	cr_assert_not_null(plain);
	for (const char *p = text; *p; p++) {
		if (is_start)
			is_words = p[0] == '#' && (p[1] == '\n' || (p[1] == ' ' && p[2] != ' '));
		/* Comments under "Keys of each" have three blanks or more; examples two or none. */
		if (is_start && !strncmp(p, "#   ", 4) && strncmp(p, "#    mode", 9) &&
		    strncmp(p, "#    settings", 13) && strncmp(p, "#    methods", 12) &&
		    strncmp(p, "#    handler", 12) && strncmp(p, "#    middleware", 15) &&
		    strncmp(p, "#    max_body", 13))
			is_words = true;
		if (!(is_start && *p == '#' && !is_words))
			*to++ = *p;
		is_start = *p == '\n';
	}
	*to = '\0';
	return plain;
}

Test(option_print, every_example_of_it_is_a_good_configuration)
{
	_cleanup_(freep) char *packaged = read_file(CONF_PACKAGED);
	_cleanup_(freep) char *plain = without_hashes(packaged);
	struct fixture f;

	cr_assert_eq(unsetenv("WEIR_LISTEN"), 0);
	cr_assert_eq(unsetenv("PORT"), 0);
	fixture_init(&f);
	fixture_load(&f, plain);
	cr_assert_eq(f.r, 0, "%s\n%s", f.said, plain);
	cr_assert_eq(f.conf->n_listen, 3);
	cr_assert_eq(f.conf->n_modules, 1);
	cr_assert_eq(f.conf->n_routes, 2);
	cr_assert_eq(f.conf->limits.stack_size, 131072);
	cr_assert_eq(f.conf->jobs.n_pools, 2);
	fixture_done(&f);
}

Test(option_print, help_has_every_option)
{
	static const enum option_place places[] = { OPTION_TOP,	   OPTION_LISTEN, OPTION_MODULE,
						    OPTION_ROUTE,  OPTION_JOBS,	  OPTION_POOL,
						    OPTION_HEALTH, OPTION_CONTROL };
	struct buf out;
	char *text;

	buf_init(&out, 0);
	cr_assert_eq(option_print_help(&out), 0);
	text = buf_steal(&out);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		for (const struct option_spec *o = option_table_next(places[i], NULL); o;
		     o = option_table_next(places[i], o)) {
			char line[64];

			(void)snprintf(line, sizeof(line), "\n  %s\n", o->name);
			cr_expect_not_null(strstr(text, line), "%s", o->name);
		}
	}
	free(text);
}
