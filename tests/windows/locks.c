/* locks.c: opens a file without sharing it, runs a command meanwhile, and passes its exit code on.   locks FILE COMMAND */
#include <stdio.h>
#include <windows.h>

int main(int argc, char **argv)
{
    STARTUPINFOA start = {0};
    PROCESS_INFORMATION process;
    DWORD code = 99;
    HANDLE file;

    if (argc != 3)
        return 98;
    file = CreateFileA(argv[1], GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return 97;
    start.cb = sizeof start;
    if (!CreateProcessA(NULL, argv[2], NULL, NULL, TRUE, 0, NULL, NULL, &start, &process))
        return 96;
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    CloseHandle(file);
    return (int)code;
}
