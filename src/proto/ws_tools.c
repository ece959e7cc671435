/* ws_tools.c - how many of each are kept: what a busy worker needs at once, not what it may ever need. */
#include "proto/ws_tools.h"

#include <assert.h>
#include <errno.h>
#include <wslay/wslay.h>

#include "proto/ws_deflater.h"
#include "proto/ws_inflater.h"
#include "proto/ws_intake.h"
#include "proto/ws_write.h"

#define MAX_UNUSED_INTAKES 64	/* 4.5 KiB each */
#define MAX_UNUSED_ROOMS 32	/* 16 KiB */
#define MAX_UNUSED_INFLATERS 16 /* up to 40 KiB */
#define MAX_UNUSED_DEFLATERS 4	/* up to 268 KiB */

int ws_tools_init(struct ws_tools *tools)
{
	*tools = (struct ws_tools){
		.intakes.max_unused = MAX_UNUSED_INTAKES,
		.rooms.max_unused = MAX_UNUSED_ROOMS,
		.inflaters.max_unused = MAX_UNUSED_INFLATERS,
	};
	for (size_t i = 0; i < ARRAY_LEN(tools->deflaters); i++)
		tools->deflaters[i].max_unused = MAX_UNUSED_DEFLATERS;
	return ws_write_init_sender(&tools->sender);
}

static void *pop(struct ws_pool *pool)
{
	struct ws_pooled *p = pool->unused;

	if (p) {
		pool->unused = p->next;
		pool->n_unused--;
	}
	return p;
}

void ws_tools_trim(struct ws_tools *tools)
{
	void *p;

	while ((p = pop(&tools->intakes)))
		(void)ws_intake_free(p);
	while ((p = pop(&tools->rooms)))
		free(p);
	while ((p = pop(&tools->inflaters)))
		(void)ws_inflater_free(p);
	for (size_t i = 0; i < ARRAY_LEN(tools->deflaters); i++) {
		while ((p = pop(&tools->deflaters[i])))
			(void)ws_deflater_free(p);
	}
}

void ws_tools_done(struct ws_tools *tools)
{
	assert(tools->intakes.n_taken == 0 && tools->rooms.n_taken == 0);
	assert(tools->inflaters.n_taken == 0);
	for (size_t i = 0; i < ARRAY_LEN(tools->deflaters); i++)
		assert(tools->deflaters[i].n_taken == 0);
	ws_tools_trim(tools);
	wslay_frame_context_free(tools->sender.wslay);
}

struct ws_room *ws_tools_take_room(struct ws_tools *tools)
{
	struct ws_room *room = ws_tools_take(&tools->rooms);

	if (room)
		return room;
	room = malloc(sizeof(*room));
	if (!room)
		ws_tools_not_taken(&tools->rooms);
	return room;
}

struct ws_room *ws_tools_give_room(struct ws_tools *tools, struct ws_room *room)
{
	if (room)
		free(ws_tools_give(&tools->rooms, room));
	return NULL;
}
