/* main.c - the daemon is libweir.so; this only starts it. */
#include "daemon/run.h"

int main(int argc, char **argv)
{
	return weir_main(argc, argv);
}
