/*
 * symbols.c - see symbols.h. libdw is asked by pointers to its functions, so
 * that no process of the daemon has it mapped: linked, it and what it needs
 * would be in each of them, and in each module's.
 */
#include "daemon/symbols.h"

#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAPPINGS_MAX 1024
#define PATH_LEN 512
/* The processor's stack pointer, as DWARF numbers it. */
#if defined(__aarch64__)
#define DWARF_SP 31
#else
#define DWARF_SP 7
#endif
/* Only that there is one matters to libdw. */
#define SOME_PID 1

struct mapping {
	uintptr_t low, high;
	uintptr_t base; /* where the first mapping of its file begins */
	bool is_code;
	char path[PATH_LEN];
};

struct libdw {
	void *lib;
	Dwfl_Callbacks callbacks;
	__typeof__(&dwfl_begin) begin;
	__typeof__(&dwfl_end) end;
	__typeof__(&dwfl_report_begin) report_begin;
	__typeof__(&dwfl_report_end) report_end;
	__typeof__(&dwfl_linux_proc_maps_report) report_maps;
	__typeof__(&dwfl_linux_proc_find_elf) find_elf;
	__typeof__(&dwfl_standard_find_debuginfo) find_debuginfo;
	__typeof__(&dwfl_addrmodule) module_at;
	__typeof__(&dwfl_module_addrinfo) name_at;
	__typeof__(&dwfl_module_getsrc) line_at;
	__typeof__(&dwfl_lineinfo) line_info;
	__typeof__(&dwfl_module_nextcu) next_unit;
	__typeof__(&dwarf_haspc) has_pc;
	__typeof__(&dwarf_getsrc_die) unit_line_at;
	__typeof__(&dwarf_linesrc) unit_line_file;
	__typeof__(&dwarf_lineno) unit_line_number;
	__typeof__(&dwfl_attach_state) attach;
	__typeof__(&dwfl_thread_state_registers) set_registers;
	__typeof__(&dwfl_thread_state_register_pc) set_pc;
	__typeof__(&dwfl_getthread_frames) each_frame;
	__typeof__(&dwfl_frame_pc) frame_pc;
};

struct call {
	const char *name;
	size_t at;
};

#define CALL(symbol, member)                            \
	{                                               \
#symbol, offsetof(struct libdw, member) \
	}
static const struct call calls[] = {
	CALL(dwfl_begin, begin),
	CALL(dwfl_end, end),
	CALL(dwfl_report_begin, report_begin),
	CALL(dwfl_report_end, report_end),
	CALL(dwfl_linux_proc_maps_report, report_maps),
	CALL(dwfl_linux_proc_find_elf, find_elf),
	CALL(dwfl_standard_find_debuginfo, find_debuginfo),
	CALL(dwfl_addrmodule, module_at),
	CALL(dwfl_module_addrinfo, name_at),
	CALL(dwfl_module_getsrc, line_at),
	CALL(dwfl_lineinfo, line_info),
	CALL(dwfl_module_nextcu, next_unit),
	CALL(dwarf_haspc, has_pc),
	CALL(dwarf_getsrc_die, unit_line_at),
	CALL(dwarf_linesrc, unit_line_file),
	CALL(dwarf_lineno, unit_line_number),
	CALL(dwfl_attach_state, attach),
	CALL(dwfl_thread_state_registers, set_registers),
	CALL(dwfl_thread_state_register_pc, set_pc),
	CALL(dwfl_getthread_frames, each_frame),
	CALL(dwfl_frame_pc, frame_pc),
};

struct symbols {
	struct libdw dw;
	Dwfl *dwfl; /* owned; NULL: there are no names */
	struct mapping *mappings;
	size_t n_mappings;
	char *usable; /* owned: the lines of files that have not changed */
	size_t usable_len;
	bool is_attached;

	/* while a stack is unwound */
	const struct trace_regs *regs;
	const struct trace_stack *stack;
	uintptr_t *addresses;
	size_t n, max;
};

/* ---- mappings */

/* "7f1c-7f2d r-xp 00001000 08:01 123   /usr/lib/x.so". False: no file, or no such line. */
static bool parse_line(const char *line, struct mapping *ret_mapping)
{
	char protection[5] = "";
	unsigned long low, high;
	int path_at = 0;

	if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %*u %n", &low, &high, protection, &path_at) != 3)
		return false;
	if (path_at == 0 || line[path_at] != '/' || strlen(line + path_at) >= PATH_LEN)
		return false;
	*ret_mapping = (struct mapping){ .low = low,
					 .high = high,
					 .is_code = protection[2] == 'x' };
	memcpy(ret_mapping->path, line + path_at, strlen(line + path_at) + 1);
	return true;
}

/* It is as it was when it was mapped; a name of what was deleted may be that of another file. */
static bool is_unchanged(const char *path, time_t read_at)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_ctime <= read_at;
}

static void add_line(struct symbols *s, const char *line, time_t read_at)
{
	struct mapping *m = &s->mappings[s->n_mappings];

	if (s->n_mappings == MAPPINGS_MAX || !parse_line(line, m))
		return;
	m->base = m->low;
	if (s->n_mappings > 0 && strcmp(m[-1].path, m->path) == 0)
		m->base = m[-1].base;
	s->n_mappings++;
	if (is_unchanged(m->path, read_at))
		s->usable_len += (size_t)sprintf(s->usable + s->usable_len, "%s\n", line);
}

static int read_maps(struct symbols *s, const char *maps, size_t len, time_t read_at)
{
	_cleanup_(freep) char *text = malloc(len + 1);
	char *rest = text, *line;

	s->mappings = calloc(MAPPINGS_MAX, sizeof(*s->mappings));
	s->usable = malloc(len + 2);
	if (!text || !s->mappings || !s->usable)
		return -ENOMEM;
	memcpy(text, maps, len);
	text[len] = '\0';
	s->usable[0] = '\0';
	/* The last may have been cut where there was no more room: then it ends without a newline. */
	while ((line = strsep(&rest, "\n")) && rest)
		add_line(s, line, read_at);
	return 0;
}

static const struct mapping *mapping_at(const struct symbols *s, uintptr_t address)
{
	for (size_t i = 0; i < s->n_mappings; i++) {
		if (address >= s->mappings[i].low && address < s->mappings[i].high)
			return &s->mappings[i];
	}
	return NULL;
}

bool symbols_is_code(const struct symbols *s, uintptr_t address)
{
	const struct mapping *m = mapping_at(s, address);

	return m && m->is_code;
}

/* ---- libdw */

static bool load(struct libdw *dw)
{
	dw->lib = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!dw->lib)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		void *found = dlsym(dw->lib, calls[i].name);

		if (!found)
			return false;
		memcpy((char *)dw + calls[i].at, &found, sizeof(found));
	}
	dw->callbacks.find_elf = dw->find_elf;
	dw->callbacks.find_debuginfo = dw->find_debuginfo;
	return true;
}

static void open_files(struct symbols *s)
{
	FILE *maps;

	/* Else it might ask servers on the Internet. */
	(void)unsetenv("DEBUGINFOD_URLS");
	if (s->usable_len == 0 || !load(&s->dw))
		return;
	maps = fmemopen(s->usable, s->usable_len, "r");
	s->dwfl = maps ? s->dw.begin(&s->dw.callbacks) : NULL;
	if (s->dwfl) {
		s->dw.report_begin(s->dwfl);
		(void)s->dw.report_maps(s->dwfl, maps); /* what was reported is there */
		(void)s->dw.report_end(s->dwfl, NULL, NULL);
	}
	if (maps)
		(void)fclose(maps);
}

int symbols_new(const char *maps, size_t len, time_t read_at, struct symbols **ret_symbols)
{
	_cleanup_(symbols_freep) struct symbols *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = read_maps(s, maps, len, read_at);
	if (r < 0)
		return r;
	open_files(s);
	*ret_symbols = steal_ptr(s);
	return 0;
}

struct symbols *symbols_free(struct symbols *s)
{
	if (!s)
		return NULL;
	if (s->dwfl)
		s->dw.end(s->dwfl);
	if (s->dw.lib)
		(void)dlclose(s->dw.lib);
	free(s->mappings);
	free(s->usable);
	free(s);
	return NULL;
}

/* ---- unwinding */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	if (*thread_arg)
		return 0;
	*thread_arg = arg;
	return SOME_PID;
}

/* Nothing but the stack is there to be read. */
static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *arg)
{
	const struct trace_stack *stack = ((const struct symbols *)arg)->stack;

	if (address < stack->low || address >= stack->high)
		return false;
	*ret_word = trace_word(stack, address);
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct symbols *s = arg;
	Dwarf_Word words[TRACE_REGS] = { s->regs->sp };

	s->dw.set_pc(thread, s->regs->pc);
	if (s->regs->n == 0)
		return s->dw.set_registers(thread, DWARF_SP, 1, words);
	for (unsigned i = 0; i < s->regs->n; i++)
		words[i] = s->regs->by_number[i];
	return s->dw.set_registers(thread, 0, s->regs->n, words);
}

static int on_frame(Dwfl_Frame *frame, void *arg)
{
	struct symbols *s = arg;
	Dwarf_Addr pc;

	if (s->n == s->max || !s->dw.frame_pc(frame, &pc, NULL))
		return DWARF_CB_ABORT;
	if (pc == 0)
		return DWARF_CB_ABORT;
	s->addresses[s->n++] = pc;
	return DWARF_CB_OK;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

size_t symbols_unwind(struct symbols *s, const struct trace_regs *regs,
		      const struct trace_stack *stack, uintptr_t *ret_addresses, size_t max)
{
	if (!s->dwfl || regs->n > TRACE_REGS)
		return 0;
	s->regs = regs;
	s->stack = stack;
	s->addresses = ret_addresses;
	s->n = 0;
	s->max = max;
	if (!s->is_attached)
		s->is_attached = s->dw.attach(s->dwfl, NULL, SOME_PID, &thread_callbacks, s);
	/* It ends with an error where the stack does, or what is known of it: what was found stays. */
	if (s->is_attached)
		(void)s->dw.each_frame(s->dwfl, SOME_PID, on_frame, s);
	return s->n;
}

/* ---- words */

/* Compilers were called in a build directory: what leads out of it and back is of no use. */
static const char *short_path(const char *path)
{
	const char *up = strstr(path, "../"), *next;

	while (up && (next = strstr(up + 3, "../")))
		up = next;
	return up ? up + 3 : path;
}

/* Of a name without what link-time optimization ("f.lto_priv.0") and versions ("f@GLIBC_2.2.5") add. */
static int plain_len(const char *name)
{
	const char *end = name ? strstr(name, ".lto_priv") : NULL;

	if (name && !end)
		end = strchr(name, '@');
	return end ? (int)(end - name) : PATH_LEN;
}

/*
 * libdw finds a unit by a table of addresses (.debug_aranges), which clang does not write:
 * then each unit is asked.
 */
static const char *find_in_units(struct symbols *s, Dwfl_Module *module, uintptr_t address,
				 int *ret_number)
{
	Dwarf_Die *unit = NULL;
	Dwarf_Addr bias;

	while ((unit = s->dw.next_unit(module, unit, &bias))) {
		Dwarf_Line *line;

		if (s->dw.has_pc(unit, address - bias) <= 0)
			continue;
		line = s->dw.unit_line_at(unit, address - bias);
		if (!line || s->dw.unit_line_number(line, ret_number) < 0)
			return NULL;
		return s->dw.unit_line_file(line, NULL, NULL);
	}
	return NULL;
}

/* Where it is in the source; "" when that is not known. */
static void describe_line(struct symbols *s, Dwfl_Module *module, uintptr_t address, char *words,
			  size_t size)
{
	Dwfl_Line *line = s->dw.line_at(module, address);
	const char *file;
	int number = 0;

	words[0] = '\0';
	if (line)
		file = s->dw.line_info(line, NULL, &number, NULL, NULL, NULL);
	else
		file = find_in_units(s, module, address, &number);
	if (file)
		(void)snprintf(words, size, " at %s:%d", short_path(file), number);
}

void symbols_describe(struct symbols *s, uintptr_t address, bool is_return,
		      char ret_words[SYMBOLS_WORDS_MAX])
{
	const struct mapping *m = mapping_at(s, address);
	uintptr_t looked_up = is_return ? address - 1 : address;
	Dwfl_Module *module = s->dwfl ? s->dw.module_at(s->dwfl, looked_up) : NULL;
	char where[SYMBOLS_WORDS_MAX / 2] = "";
	const char *name = NULL;
	GElf_Off offset;
	GElf_Sym symbol;

	if (!m) {
		(void)snprintf(ret_words, SYMBOLS_WORDS_MAX, "0x%lx", (unsigned long)address);
		return;
	}
	if (module) {
		name = s->dw.name_at(module, looked_up, &offset, &symbol, NULL, NULL, NULL);
		describe_line(s, module, looked_up, where, sizeof(where));
		if (!name && where[0])
			name = "??";
	}
	(void)snprintf(ret_words, SYMBOLS_WORDS_MAX, "%.*s%s%s(%s+0x%lx)", plain_len(name),
		       name ? name : "", where, name ? " " : "", strrchr(m->path, '/') + 1,
		       (unsigned long)(address - m->base));
}
