/* weirctl.c - the other executable; what it does is in libweir.so as well. */
#include "daemon/weirctl.h"

int main(int argc, char **argv)
{
	return weir_ctl_main(argc, argv);
}
