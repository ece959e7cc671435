/*
 * cli.c - see cli.h. getopt_long finds the options; what is wrong is said in
 * our words, with a suggestion, so its own are turned off.
 */
#include "conf/cli.h"

#include <errno.h>
#include <ev.h>
#include <getopt.h>
#include <libfyaml.h>
#include <llhttp.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/exit_code.h"
#include "conf/messages.h"
#include "conf/option_print.h"
#include "conf/option_schema.h"
#include "conf/option_value.h"

enum {
	OPT_LISTEN = 256,
	OPT_WORKERS,
	OPT_VERSION,
	OPT_HELP_CONFIG,
	OPT_PRINT_DEFAULT,
	OPT_PRINT_SCHEMA,
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "test", no_argument, NULL, 't' },
	{ "print", no_argument, NULL, 'T' },
	{ "help", no_argument, NULL, 'h' },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "workers", required_argument, NULL, OPT_WORKERS },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help-config", no_argument, NULL, OPT_HELP_CONFIG },
	{ "print-default", no_argument, NULL, OPT_PRINT_DEFAULT },
	{ "print-schema", no_argument, NULL, OPT_PRINT_SCHEMA },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"usage: weir -c FILE [-t | -T] [--listen ADDRESS]... [--workers N]\n"
	"       weir run MODULE.so [-t | -T] [--listen ADDRESS]... [--workers N]\n";

static const char help[] =
	"\n"
	"weir serves HTTP with handlers written in C, in worker processes.\n"
	"\n"
	"  -c, --config FILE   what to serve; --help-config explains the file\n"
	"  run MODULE.so       serve one module on the paths it names itself, without a file\n"
	"  -t, --test          check the configuration, modules and handlers included, and end\n"
	"  -T, --print         the same, and print the configuration in effect, with the origin "
	"of\n"
	"                      each value: default, FILE:LINE, environment or command line\n"
	"      --listen ADDRESS\n"
	"                      instead of the file's listeners: 127.0.0.1:8000, [::1]:8000,\n"
	"                      *:8000, unix:/path, systemd:name; may be given several times\n"
	"      --workers N     worker processes: a number, or auto\n"
	"      --version       versions of weir and of its libraries\n"
	"  -h, --help          this text\n"
	"      --help-config   every key of the configuration file\n"
	"      --print-default a configuration file with every default, to start from\n"
	"      --print-schema  a JSON Schema of the configuration file, for editors\n"
	"\n"
	"exit codes: 0 done, 1 a worker had to be killed to stop, 2 bad usage,\n"
	"3 a worker or module could not start, 69 address in use,\n"
	"71 system error, 77 permission denied, 78 bad configuration\n";

static PRINTF_LIKE(2, 3) int refuse(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cli->error, sizeof(cli->error), fmt, ap);
	va_end(ap);
	cli->command = CLI_BAD;
	return -EINVAL;
}

static int refuse_word(struct cli *cli, weir_str word)
{
	struct messages_guess guess = { 0 };

	for (const struct option *o = long_options; o->name; o++)
		messages_guess(&guess, word, o->name);
	return refuse(cli, "unknown option --%.*s%s%s%s", WEIR_ARG(word),
		      guess.text ? "; did you mean --" : "", guess.text ? guess.text : "",
		      guess.text ? "?" : "");
}

/*
 * optopt is 0 for an unknown word, the letter for an unknown letter, and the
 * option's own value for a word that was given a value it does not take.
 */
static int refuse_option(struct cli *cli, const char *given)
{
	weir_str word = weir_strz(given + strspn(given, "-"));

	if (optopt == 0) {
		word.len = strcspn(word.ptr, "=");
		return refuse_word(cli, word);
	}
	for (const struct option *o = long_options; o->name; o++) {
		if (o->val == optopt)
			return refuse(cli, "--%s takes no value", o->name);
	}
	return refuse(cli, "unknown option -%c", optopt);
}

/* The table knows what a good value is; it is only tried here. */
static int try_value(struct cli *cli, enum option_place place, const char *option,
		     const char *source, const char *text)
{
	const struct option_spec *spec = option_table_find(place, weir_strz(option));
	_cleanup_(conf_freep) struct conf *conf = conf_new();
	struct conf_listen listen = { 0 };
	struct option_context context = { .dir = "/" };
	char words[OPTION_WORDS];
	int r;

	if (!conf)
		return refuse(cli, "no memory");
	context.arena = &conf->arena;
	r = option_value_set(spec, weir_strz(text), &context,
			     place == OPTION_TOP ? (void *)conf : (void *)&listen, words);
	if (r == -EINVAL)
		return refuse(cli, "%s: %s", source, words);
	return r < 0 ? refuse(cli, "no memory") : 0;
}

static int add_listen(struct cli *cli, const char *address)
{
	if (cli->n_listen == CLI_MAX_LISTEN)
		return refuse(cli, "--listen: more than %d times", CLI_MAX_LISTEN);
	cli->listen[cli->n_listen++] = address;
	return try_value(cli, OPTION_LISTEN, "address", "--listen", address);
}

static int on_option(struct cli *cli, int option, const char *given)
{
	switch (option) {
	case 'c':
		if (cli->file)
			return refuse(cli, "-c: more than one configuration file");
		cli->file = optarg;
		return 0;
	case 't':
		/* -T does all that -t does. */
		if (cli->command != CLI_PRINT)
			cli->command = CLI_CHECK;
		return 0;
	case 'T':
		cli->command = CLI_PRINT;
		return 0;
	case OPT_LISTEN:
		return add_listen(cli, optarg);
	case OPT_WORKERS:
		cli->workers = optarg;
		return try_value(cli, OPTION_TOP, "workers", "--workers", optarg);
	case ':':
		return refuse(cli, "%s needs a value", given);
	default:
		return refuse_option(cli, given);
	}
}

/* What ends the matter, whatever else is there. */
static bool is_answer(struct cli *cli, int option)
{
	switch (option) {
	case 'h':
		cli->command = CLI_HELP;
		return true;
	case OPT_HELP_CONFIG:
		cli->command = CLI_HELP_CONFIG;
		return true;
	case OPT_PRINT_DEFAULT:
		cli->command = CLI_PRINT_DEFAULT;
		return true;
	case OPT_PRINT_SCHEMA:
		cli->command = CLI_PRINT_SCHEMA;
		return true;
	case OPT_VERSION:
		cli->command = CLI_VERSION;
		return true;
	default:
		return false;
	}
}

static int on_arguments(struct cli *cli, int n, char **arguments)
{
	char quote[MESSAGES_QUOTE];

	if (n == 0 && !cli->file)
		return refuse(cli, "no configuration: give one with -c FILE, or serve a module "
				   "with weir run MODULE.so");
	if (n == 0)
		return 0;
	messages_quote(weir_strz(arguments[0]), quote);
	if (strcmp(arguments[0], "run") != 0)
		return refuse(cli,
			      "what is %s? A configuration file is given with -c, a module "
			      "with run",
			      quote);
	if (n != 2)
		return refuse(cli, "run: %s", n < 2 ? "which module?" : "only one module");
	if (cli->file)
		return refuse(cli, "run: serves a module without a configuration file, and -c "
				   "gives one");
	cli->run_module = arguments[1];
	return 0;
}

int cli_parse(int argc, char **argv, struct cli *ret)
{
	int option, r;

	*ret = (struct cli){ .command = CLI_SERVE };
	opterr = 0;
	optind = 0; /* glibc: start afresh */
	for (;;) {
		option = getopt_long(argc, argv, ":c:tTh", long_options, NULL);
		if (option < 0)
			break;
		if (is_answer(ret, option))
			return 0;
		r = on_option(ret, option, argv[optind - 1]);
		if (r < 0)
			return r;
	}
	return on_arguments(ret, argc - optind, argv + optind);
}

static void print_version(FILE *out)
{
	(void)fprintf(out,
		      "weir %s\n"
		      "libev %d.%d\n"
		      "llhttp %d.%d.%d\n"
		      "libfyaml %s\n"
		      "%s\n",
		      WEIR_VERSION, ev_version_major(), ev_version_minor(), LLHTTP_VERSION_MAJOR,
		      LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH, fy_library_version(),
		      OpenSSL_version(OPENSSL_VERSION));
}

static int print_text(FILE *out, int (*print)(struct buf *out))
{
	struct buf text;
	int r;

	buf_init(&text, 0);
	r = print(&text);
	if (r >= 0)
		(void)fwrite(text.data, 1, text.len, out);
	buf_done(&text);
	return r < 0 ? EXIT_CODE_SYSTEM : EXIT_CODE_OK;
}

int cli_answer(const struct cli *cli, FILE *out, FILE *err)
{
	int code = EXIT_CODE_OK;

	switch (cli->command) {
	case CLI_HELP:
		(void)fprintf(out, "%s%s", usage, help);
		break;
	case CLI_HELP_CONFIG:
		code = print_text(out, option_print_help);
		break;
	case CLI_PRINT_DEFAULT:
		code = print_text(out, option_print_default);
		break;
	case CLI_PRINT_SCHEMA:
		code = print_text(out, option_schema_print);
		break;
	case CLI_VERSION:
		print_version(out);
		break;
	default:
		(void)fprintf(err, "weir: %s\n%s", cli->error, usage);
		return EXIT_CODE_USAGE;
	}
	/* A full disk or a closed pipe must not look like success. What was too long for the buffer has failed before. */
	return fflush(out) == 0 && !ferror(out) ? code : EXIT_CODE_SYSTEM;
}
