#ifndef WEIR_CORO_SWITCH_UCONTEXT_H
#define WEIR_CORO_SWITCH_UCONTEXT_H
/*
 * switch_ucontext.h - the first frame for switch_ucontext() (see switch.h):
 * for CPUs without an assembly routine. It costs two system calls a switch.
 */

/* What to give switch_ucontext() as sp, to have it call entry(arg) on that stack. */
void *switch_ucontext_frame(char *low, char *top, void (*entry)(void *), void *arg);

#endif
