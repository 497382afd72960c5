/* refused.c: plug-ins that cannot be loaded; CASE says which. */
#include "wuerst.h"

#if CASE == 1 /* of a later version */
WST_EXPORT uint32_t wst_plugin_version(void);
WST_EXPORT wst_error *wst_plugin_init_1(const wst_api *api, wst_plugin *plugin);
uint32_t wst_plugin_version(void) { return WST_ABI_VERSION + 1; }
wst_error *wst_plugin_init_1(const wst_api *api, wst_plugin *plugin)
{
    (void)plugin;
    return api->error_new(WST_INTERNAL, wst_str_of("called all the same"));
}
#elif CASE == 2 /* without an entry */
WST_EXPORT uint32_t wst_plugin_version(void);
uint32_t wst_plugin_version(void) { return WST_ABI_VERSION; }
#else
static wst_error *run(void *user, wst_call *call)
{
    (void)user;
    (void)call;
    return 0;
}

WST_PLUGIN(api, plugin)
{
    wst_node_kind node = WST_NODE_KIND_INIT;
    wst_error *error;
    node.kind = wst_str_of("refused.first");
    node.signature = wst_str_of("->");
    node.run = run;
    error = api->add(plugin, &node);
    if (error)
        return error;
#if CASE == 3 /* its entry fails, after one node */
    return api->error_new(WST_NOT_FOUND, wst_str_of("no licence"));
#elif CASE == 4 /* a kind of its own, twice */
    return api->add(plugin, &node);
#elif CASE == 5 /* a kind that is built in */
    node.kind = wst_str_of("wuerst.prior");
    return api->add(plugin, &node);
#elif CASE == 6 /* no signature */
    node.kind = wst_str_of("refused.second");
    node.signature = wst_str_of("image: picture -> image: u8[h,w,3]");
    return api->add(plugin, &node);
#endif
}
#endif
