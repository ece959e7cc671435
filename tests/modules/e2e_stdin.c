/*
 * e2e_stdin.c - a program, not a module: says each line of its standard input
 * in brackets, and meanwhile counts the milliseconds. When the input has ended
 * it says how many it has counted, which shows that waiting held up nobody.
 */
#include <stdio.h>
#include <weir/weir.h>

struct program {
	weir_file *in, *out;
	unsigned long n_ticks;
};

static int tick(void *arg)
{
	struct program *p = arg;
	int r;

	while ((r = weir_sleep(1)) == 0)
		p->n_ticks++;
	return r;
}

static WEIR_SUSPENDS int say_line(struct program *p, weir_str line)
{
	char text[200];
	int len = snprintf(text, sizeof(text), "[%.*s]\n", WEIR_ARG(line));

	return weir_file_write(p->out, (weir_str){ text, (size_t)len });
}

static WEIR_SUSPENDS int say_end(struct program *p)
{
	char text[50];
	int len = snprintf(text, sizeof(text), "end %lu\n", p->n_ticks);

	return weir_file_write(p->out, (weir_str){ text, (size_t)len });
}

static WEIR_SUSPENDS int say_lines(struct program *p)
{
	weir_str line;
	int r;

	while ((r = weir_file_line(p->in, 100, &line)) != 0) {
		if (r == -EMSGSIZE)
			line = WEIR_STR("too long");
		else if (r < 0)
			return r;
		r = say_line(p, line);
		if (r < 0)
			return r;
	}
	return say_end(p);
}

static int run(void *arg)
{
	struct program p = { .n_ticks = 0 };
	int r;

	r = weir_file_attach(0, &p.in);
	if (r < 0)
		return r;
	r = weir_file_attach(1, &p.out);
	if (r == 0) {
		WEIR_GROUP(g, WEIR_ALL);

		(void)weir_spawn(g, tick, &p);
		r = say_lines(&p);
	}
	weir_file_close(p.out);
	weir_file_close(p.in);
	return r;
}

int main(void)
{
	return weir_run(run, NULL) == 0 ? 0 : 1;
}
