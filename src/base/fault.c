/* fault.c - see the table in fault.h. */
#include "base/fault.h"

#include <assert.h>

static const struct {
	int status;
	const char *name;
	const char *words;
} faults[] = {
#define FAULT_ROW(id, status, name, words) { status, name, words },
	FAULT_TABLE(FAULT_ROW)
#undef FAULT_ROW
};

int fault_status(enum fault fault)
{
	assert(fault < FAULT_COUNT);
	return faults[fault].status;
}

const char *fault_name(enum fault fault)
{
	assert(fault < FAULT_COUNT);
	return faults[fault].name;
}

const char *fault_words(enum fault fault)
{
	assert(fault < FAULT_COUNT);
	return faults[fault].words;
}
