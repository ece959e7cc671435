/*
 * coro.cc - every macro of weir/coro.h, in C++: that it compiles, and that it does there
 * what it does in C. Tasks, groups, deadlines, shields and channels need no server.
 */
#include <cstdio>
#include <string>
#include <weir/weir.h>

namespace
{

#define EXPECT(condition)                                                                    \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			return -EIO;                                                         \
		}                                                                            \
	} while (0)

/* An object with a destructor on a task's stack, across a suspension. */
int append(void *arg)
{
	auto *text = static_cast<std::string *>(arg);
	std::string more(100, 'x');
	int r = weir_sleep(1);

	*text += more;
	return r;
}

int fail(void *)
{
	return -EDOM;
}

int sleep_long(void *)
{
	return weir_sleep(3600 * 1000);
}

int groups()
{
	std::string a = "a", b = "b";
	int r;

	{
		WEIR_GROUP(g, WEIR_ALL);
		weir_spawn(g, append, &a);
		weir_spawn(g, append, &b);
		r = weir_join(g);
	}
	EXPECT(r == 0 && a.size() == 101 && b.size() == 101);
	{
		WEIR_GROUP(g, WEIR_ALL);
		weir_spawn(g, sleep_long, nullptr);
		weir_spawn(g, fail, nullptr);
		r = weir_join(g);
	}
	EXPECT(r == -EDOM);
	return 0;
}

/* Left early, by return: the task that still runs is cancelled and waited for. */
int leave_early(std::string *text)
{
	WEIR_GROUP(g, WEIR_EACH);
	weir_spawn(g, append, text);
	return weir_yield();
}

int gathers()
{
	std::string texts[3] = { "a", "b", "c" };
	std::string early;

	EXPECT(weir_gather(append, texts, 3) == 0);
	for (const auto &text : texts)
		EXPECT(text.size() == 101);
	EXPECT(leave_early(&early) == 0);
	EXPECT(early.size() == 100);
	return 0;
}

int deadlines()
{
	EXPECT(weir_within(1, weir_sleep(3600 * 1000)) == -ETIMEDOUT);
	EXPECT(weir_within(10000, weir_sleep(1)) == 0);
	EXPECT(weir_shielded(10000, weir_within(10000, weir_sleep(1))) == 0);
	return 0;
}

struct item {
	int number;
	const char *word;
};

int channels()
{
	weir_chan *ch = weir_chan_open(sizeof(item), 2);
	item in = { 7, "seven" }, out = { 0, nullptr };

	EXPECT(ch);
	EXPECT(weir_chan_send(ch, &in) == 0);
	EXPECT(weir_chan_recv(ch, &out) == 1 && out.number == 7);
	weir_chan_close(ch);
	EXPECT(weir_chan_recv(ch, &out) == 0);
	weir_chan_unref(ch);
	return 0;
}

int run(void *)
{
	int r = groups();

	if (r == 0)
		r = gathers();
	if (r == 0)
		r = deadlines();
	if (r == 0)
		r = channels();
	return r;
}

/* Those of the other headers that a C++ module needs: that they compile. */
int hello(weir_req *req)
{
	WEIR_SCRATCH(req);
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello\n"));
}

int pass_on(const weir_io *io, weir_req *req, const weir_event *ev)
{
	return io->next->send(io->next, req, ev);
}

int count(weir_work *, weir_str)
{
	return 0;
}

} /* namespace */

extern "C" {
WEIR_MIDDLEWARE(pass, nullptr, pass_on);
}
WEIR_MODULE(.name = "cxx", .handlers = WEIR_HANDLERS({ "hello", hello, "GET", "/hello", 0 }),
	    .jobs = WEIR_JOBS({ "count", count }));

int main()
{
	int r = weir_run(run, nullptr);

	if (r != 0)
		std::fprintf(stderr, "coro.cc: %d\n", r);
	return r == 0 ? 0 : 1;
}
