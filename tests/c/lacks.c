/* lacks.c: plug-ins without a symbol or a library that they need; CASE says which. */
#include "wuerst.h"

uint32_t acme_elsewhere(void);
uint32_t acme_needed(void);

#if CASE == 2 /* the library */
uint32_t acme_needed(void) { return WST_ABI_VERSION; }
#else
WST_EXPORT uint32_t wst_plugin_version(void);
#if CASE == 1 /* a symbol that is nowhere, which is called long after loading */
uint32_t wst_plugin_version(void) { return acme_elsewhere(); }
#else
uint32_t wst_plugin_version(void) { return acme_needed(); }
#endif
#endif
