/* test_cli.c - command lines, and what is answered without a daemon. */
#include "conf/cli.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/exit_code.h"

struct line {
	char words[12][32];
	char *argv[13];
	char said[160]; /* what the refusal has in it; empty: it is good */
};

/* Splits text at spaces, as argv. */
static int split(struct line *line, const char *text)
{
	int n = 0;

	memset(line, 0, sizeof(*line));
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, " ");

		memcpy(line->words[n], p, len);
		line->argv[n] = line->words[n];
		n++;
		p += len + (p[len] == ' ');
	}
	return n;
}

static int parse(struct line *line, const char *text, struct cli *ret_cli)
{
	int argc = split(line, text);

	return cli_parse(argc, line->argv, ret_cli);
}

Test(cli, a_file_is_served)
{
	struct line line;
	struct cli cli;

	cr_assert_eq(parse(&line, "weir -c x.yaml", &cli), 0);
	cr_expect_eq(cli.command, CLI_SERVE);
	cr_expect_str_eq(cli.file, "x.yaml");
	cr_expect_null(cli.run_module);
	cr_expect_null(cli.workers);
	cr_expect_eq(cli.n_listen, 0);
}

Test(cli, everything_at_once_in_any_order)
{
	struct line line;
	struct cli cli;

	cr_assert_eq(parse(&line,
			   "weir --listen 127.0.0.1:1 -t --workers=auto --listen=*:2 "
			   "--config x.yaml",
			   &cli),
		     0);
	cr_expect_eq(cli.command, CLI_CHECK);
	cr_expect_str_eq(cli.file, "x.yaml");
	cr_expect_str_eq(cli.workers, "auto");
	cr_expect_eq(cli.n_listen, 2);
	cr_expect_str_eq(cli.listen[0], "127.0.0.1:1");
	cr_expect_str_eq(cli.listen[1], "*:2");
}

Test(cli, what_is_printed_is_checked_too)
{
	struct line line;
	struct cli cli;

	cr_assert_eq(parse(&line, "weir -c x.yaml -T", &cli), 0);
	cr_expect_eq(cli.command, CLI_PRINT);
	cr_assert_eq(parse(&line, "weir -T -t -c x.yaml", &cli), 0);
	cr_expect_eq(cli.command, CLI_PRINT);
	cr_assert_eq(parse(&line, "weir -tT -c x.yaml", &cli), 0);
	cr_expect_eq(cli.command, CLI_PRINT);
	cr_assert_eq(parse(&line, "weir run --print hello.so", &cli), 0);
	cr_expect_eq(cli.command, CLI_PRINT);
}

Test(cli, run_serves_a_module)
{
	struct line line;
	struct cli cli;

	cr_assert_eq(parse(&line, "weir run hello.so --workers 2 --listen unix:x.sock", &cli), 0);
	cr_expect_eq(cli.command, CLI_SERVE);
	cr_expect_str_eq(cli.run_module, "hello.so");
	cr_expect_null(cli.file);
	cr_expect_eq(cli.n_listen, 1);
	cr_assert_eq(parse(&line, "weir --workers 2 run -t hello.so", &cli), 0);
	cr_expect_eq(cli.command, CLI_CHECK);
	cr_expect_str_eq(cli.run_module, "hello.so");
}

struct refusal {
	char line[96], said[96];
};

ParameterizedTestParameters(cli, refusals)
{
	static struct refusal rows[] = {
		{ "weir", "no configuration: give one with -c FILE" },
		{ "weir -t", "no configuration" },
		{ "weir -c", "-c needs a value" },
		{ "weir --workers", "--workers needs a value" },
		{ "weir -c a -c b", "-c: more than one" },
		{ "weir -c a --workes 3", "unknown option --workes; did you mean --workers?" },
		{ "weir -c a --lisen=3", "unknown option --lisen; did you mean --listen?" },
		{ "weir -c a --verbose", "unknown option --verbose" },
		{ "weir -c a -x", "unknown option -x" },
		{ "weir -c a -tx", "unknown option -x" },
		{ "weir --workers=2 -xt", "unknown option -x" },
		{ "weir --version=3", "--version takes no value" },
		{ "weir -c a --test=yes", "--test takes no value" },
		{ "weir -c a --workers 0", "--workers: \"0\" is less than 1" },
		{ "weir -c a --workers many", "--workers: \"many\" is not auto or a whole number" },
		{ "weir -c a --workers=", "--workers: has no value" },
		{ "weir -c a --listen 8000", "--listen: \"8000\" is not of the form" },
		{ "weir -c a --listen localhost:80", "--listen: \"localhost:80\" is not an" },
		{ "weir x.yaml", "what is \"x.yaml\"? A configuration file is given with -c" },
		{ "weir -c a b", "what is \"b\"?" },
		{ "weir run", "run: which module?" },
		{ "weir run a.so b.so", "run: only one module" },
		{ "weir run a.so -c b", "run: serves a module without a configuration file" },
	};

	return cr_make_param_array(struct refusal, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct refusal *row, cli, refusals)
{
	struct line line;
	struct cli cli;

	cr_expect_eq(parse(&line, row->line, &cli), -EINVAL, "%s", row->line);
	cr_expect_eq(cli.command, CLI_BAD, "%s", row->line);
	cr_expect_not_null(strstr(cli.error, row->said), "%s: %s", row->line, cli.error);
}

Test(cli, too_many_listeners_are_refused)
{
	char *argv[2 * CLI_MAX_LISTEN + 4] = { (char[]){ "weir" } };
	char option[] = "--listen", address[] = "127.0.0.1:1";
	struct cli cli;
	int n = 1;

	for (int i = 0; i <= CLI_MAX_LISTEN; i++) {
		argv[n++] = option;
		argv[n++] = address;
	}
	cr_assert_eq(cli_parse(n, argv, &cli), -EINVAL);
	cr_assert_str_eq(cli.error, "--listen: more than 64 times");
}

struct answer {
	char line[48], out[64], err[64];
	int code;
};

ParameterizedTestParameters(cli, answers)
{
	static struct answer rows[] = {
		{ "weir --help", "usage: weir -c FILE", "", EXIT_CODE_OK },
		{ "weir -h", "exit codes:", "", EXIT_CODE_OK },
		{ "weir --nonsense", "", "weir: unknown option --nonsense", EXIT_CODE_USAGE },
		{ "weir --nonsense", "", "usage: weir", EXIT_CODE_USAGE },
		{ "weir --version", "weir " WEIR_VERSION "\nlibev ", "", EXIT_CODE_OK },
		{ "weir --version", "llhttp ", "", EXIT_CODE_OK },
		{ "weir --version", "libfyaml ", "", EXIT_CODE_OK },
		{ "weir --version", "OpenSSL ", "", EXIT_CODE_OK },
		{ "weir --help-config", "Keys of each route", "", EXIT_CODE_OK },
		{ "weir --print-default", "#workers: auto", "", EXIT_CODE_OK },
		{ "weir --print-schema", "json-schema.org/draft-07", "", EXIT_CODE_OK },
		{ "weir -c a --help", "usage: weir", "", EXIT_CODE_OK },
	};

	return cr_make_param_array(struct answer, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct answer *row, cli, answers)
{
	char *out = NULL, *err = NULL;
	size_t out_len, err_len;
	FILE *to_out = open_memstream(&out, &out_len);
	FILE *to_err = open_memstream(&err, &err_len);
	struct line line;
	struct cli cli;

	(void)!parse(&line, row->line, &cli);
	cr_expect_eq(cli_answer(&cli, to_out, to_err), row->code, "%s", row->line);
	cr_assert_eq(fclose(to_out), 0);
	cr_assert_eq(fclose(to_err), 0);
	cr_expect_not_null(strstr(out, row->out), "%s: %s", row->line, out);
	cr_expect_not_null(strstr(err, row->err), "%s: %s", row->line, err);
	cr_expect(row->out[0] || !*out, "%s: %s", row->line, out);
	cr_expect(row->err[0] || !*err, "%s: %s", row->line, err);
	free(out);
	free(err);
}

Test(cli, output_that_could_not_be_written_is_no_success)
{
	/* The long ones do not fit into the buffer: they fail before the end. */
	static const char *const lines[] = { "weir --help", "weir --version", "weir --help-config",
					     "weir --print-default", "weir --print-schema" };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		FILE *full = fopen("/dev/full", "we");
		struct line line;
		struct cli cli;

		cr_assert_eq(parse(&line, lines[i], &cli), 0);
		cr_expect_eq(cli_answer(&cli, full, stderr), EXIT_CODE_SYSTEM, "%s", lines[i]);
		(void)fclose(full);
	}
}
