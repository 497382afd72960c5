/* other_runtime.c: an onnxruntime.dll that must not be loaded. It says so in the file that TAKEN names. */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

BOOL WINAPI DllMain(HINSTANCE library, DWORD reason, LPVOID reserved)
{
    (void)library;
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        FILE *file = fopen(getenv("TAKEN"), "w");
        if (file)
            fclose(file);
    }
    return TRUE;
}

__declspec(dllexport) const void *OrtGetApiBase(void)
{
    return NULL;
}
