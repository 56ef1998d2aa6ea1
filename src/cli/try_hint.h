/*
 * What to do about an error of a cycle, for who tries a topic. Pure.
 */
#ifndef CLI_TRY_HINT_H
#define CLI_TRY_HINT_H

#include <stdbool.h>

/* One sentence or two without a full stop at the end; never NULL. code: of the error (70404 …);
 * refused: by the gate. Static. */
const char *try_hint(int code, bool refused);

#endif
