/*
 * Calls that have a safer twin in base/. Included by mem.h, so by everything.
 * The compiler refuses them; `make style` finds the ones in code it does not compile.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef alloca /* a macro in glibc; the compiler warns of poisoning one */
#pragma GCC poison sprintf vsprintf strcpy strcat strncpy strncat gets strtok atoi atol alloca

#endif
