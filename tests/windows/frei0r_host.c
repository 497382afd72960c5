/* frei0r_host.c: loads the generator by LoadLibrary, sets the prompt and the seed, and writes a frame as RGB bytes.
 *
 *   frei0r_host wuerstchen.dll SIDE PROMPT SEED FRAME
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

typedef struct {
    const char *name, *author;
    int plugin_type, color_model, frei0r_version, major_version, minor_version, num_params;
    const char *explanation;
} plugin_info;
typedef struct {
    const char *name;
    int type;
    const char *explanation;
} param_info;

static HMODULE library;

static void *function(const char *name)
{
    void *found = (void *)(intptr_t)GetProcAddress(library, name);
    if (!found) {
        printf("no %s\n", name);
        exit(1);
    }
    return found;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    library = LoadLibraryA(argv[1]);
    if (!library) {
        printf("%s: error %lu\n", argv[1], GetLastError());
        return 1;
    }
    int (*init)(void) = function("f0r_init");
    void (*deinit)(void) = function("f0r_deinit");
    void (*about)(plugin_info *) = function("f0r_get_plugin_info");
    void (*about_parameter)(param_info *, int) = function("f0r_get_param_info");
    void *(*construct)(unsigned, unsigned) = function("f0r_construct");
    void (*destruct)(void *) = function("f0r_destruct");
    void (*set)(void *, void *, int) = function("f0r_set_param_value");
    void (*update)(void *, double, const uint32_t *, uint32_t *) = function("f0r_update");
    unsigned side = (unsigned)atoi(argv[2]), at;
    plugin_info plugin;
    int index, found = 0;

    if (!init())
        return 1;
    about(&plugin);
    void *instance = construct(side, side);
    uint32_t *frame = calloc((size_t)side * side, 4);
    if (!instance || !frame || plugin.num_params < 2)
        return 1;
    for (index = 0; index < plugin.num_params; index++) {
        param_info parameter;
        about_parameter(&parameter, index);
        /* Numbers of frei0r are shares; a seed is a text. */
        char **text = strcmp(parameter.name, "prompt") == 0 ? &argv[3] : strcmp(parameter.name, "seed") == 0 ? &argv[4] : NULL;
        if (text && parameter.type == 4) {
            set(instance, text, index);
            found++;
        }
    }
    update(instance, 0, NULL, frame);
    FILE *file = fopen(argv[5], "wb");
    if (found != 2 || !file) {
        printf("%d of prompt and seed are texts\n", found);
        return 1;
    }
    for (at = 0; at < side * side; at++)
        fwrite(&frame[at], 1, 3, file);
    fclose(file);
    destruct(instance);
    deinit();
    printf("%s: %d parameters\n", plugin.name, plugin.num_params);
    return 0;
}
