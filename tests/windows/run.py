"""Runs a tree of .ci/windows under wine: run.py TREE BUILT, in the folder with compilers and wine, from /source.

Each check prints a line; the exit code is the number of those that failed.
"""

import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TREE, BUILT = map(pathlib.Path, sys.argv[1:])
SOURCE = pathlib.Path("/source")
BIN, ICONS = TREE / "bin", TREE / "share/wuerst/models/icons"
GRAPH = TREE / "share/wuerst/graphs/text-to-image.yaml"
PROMPT = ["--set", "prompt=a red apple", "--set", "seed=7"]
PART = "{wuerstchen: 1, nodes: {a: {use: text.load, with: {file: words.txt}}}, outputs: {text: $a.text}}"
failed = []


def check(name, right, said=""):
    print(f"{'ok' if right else 'FAILED'}: {name}" + (f": {said}" if said and not right else ""), flush=True)
    if not right:
        failed.append(name)


def windows(path):
    return "Z:" + str(path).replace("/", "\\")


def wine(program, *arguments, cwd=None, **variables):
    """Exit code and output of a program; WINEPATH is its search path."""
    words = [windows(word) if isinstance(word, pathlib.Path) else word for word in arguments]
    environment = {**os.environ, "WINEPATH": windows(BIN), **variables}
    ran = subprocess.run(["wine", str(program), *words], cwd=cwd, env=environment, capture_output=True, timeout=300)
    return ran.returncode, (ran.stdout + ran.stderr).decode(errors="replace").replace("\r\n", "\n")


def compiled(source, *more, compiler="gcc"):
    source = pathlib.Path(source)
    out = work / (source.stem + (".dll" if "-shared" in more else ".exe"))
    language = ["-std=c++17"] if compiler == "g++" else ["-std=gnu11"]
    command = [f"x86_64-w64-mingw32-{compiler}-posix", *language, "-O1", "-static", f"-I{TREE}/include"]
    subprocess.run([*command, f"-I{SOURCE}/tests/windows", SOURCE / source, "-o", out, *map(str, more)], check=True)
    return out


LIBRARY = str(TREE / "lib/libwuerst.dll.a")


def pixels(path):
    return path.read_bytes()[-64 * 64 * 3 :]


def near(one, other):
    """Whether pictures of two systems are equal but for rounding: ONNX Runtime's kernels are compiled by two compilers."""
    differing = [abs(a - b) for a, b in zip(one, other) if a != b]
    return len(one) == len(other) == 12288 and len(differing) <= 40 and max(differing, default=0) <= 1, len(differing)


def picture(name, *more, graph=GRAPH, models=ICONS, cwd=None, program=BIN / "wuerst.exe", out=None, **variables):
    out = out or work / f"{name}.npy"
    words = ["run", graph, "--models", models, *PROMPT, *more, "-o", f"image={windows(out)}"]
    code, said = wine(program, *words, cwd=cwd, **variables)
    return code, said, pixels(out) if out.exists() else b""


def commands():
    code, said, own = picture("command")
    right, count = near(own, pixels(TREE.parent / "linux.npy"))
    check("the command makes the picture of Linux", code == 0 and right, f"{code} {said} {count} bytes differ")
    print(f"    {count} of 12288 bytes differ by 1")
    code, said = wine(BIN / "wuerst.exe", "check", GRAPH, "--models", ICONS)
    check("check", code == 0, said)
    code, said = wine(BIN / "wuerst.exe", "generate", "a red apple", "-o", work / "apple.png", cwd=work)
    check("models and graphs of the tree are found", code == 0 and (work / "apple.png").exists(), said)
    return own


def paths(own):
    odd = work / "Ordner mit Umläuten äöü ß/models"
    shutil.copytree(ICONS, odd)
    code, said, other = picture("ä ö ü", models=odd, cwd=odd.parent)
    check("spaces and umlauts", code == 0 and other == own, said)
    drive = work / "drive"
    shutil.copytree(odd, drive / "icons")
    links = pathlib.Path(os.environ["HOME"], ".wine/dosdevices/q:")
    links.unlink(missing_ok=True)
    links.symlink_to(drive)
    code, said = wine(BIN / "wuerst.exe", "run", GRAPH, "--models", "Q:\\icons", *PROMPT, "-o", "image=Q:\\drive.npy", cwd=work)
    check("another drive", code == 0 and pixels(drive / "drive.npy") == own, said)
    deep = work.joinpath(*["a folder with a rather long name, number %02d" % at for at in range(8)])
    shutil.copytree(odd, deep / "icons")
    # With ONNX Runtime's own reading of external data, as published models have it.
    code, said, other = picture("deep", models=deep / "icons", out=deep / "deep.npy")
    check(f"{len(windows(deep / 'icons/text-encoder.onnx'))} characters in a path", code == 0 and other == own, said)
    text = GRAPH.read_bytes().replace(b"\n", b"\r\n")
    (work / "crlf.yaml").write_bytes(b"\xef\xbb\xbf" + text)
    code, said, other = picture("crlf", graph=work / "crlf.yaml")
    check("a graph with CRLF and a byte order mark", code == 0 and other == own, said)
    (work / "bad.yaml").write_bytes(text.replace(b"prompt:", b"promt:"))
    code, said = wine(BIN / "wuerst.exe", "check", work / "bad.yaml", "--models", ICONS)
    check("mistakes in it have their lines", code != 0 and "bad.yaml:" in said and "prompt" in said, said)


def refusals(locks):
    def refused(name, target, words, code, said):
        before = target.read_bytes() if target.is_file() else None
        right = code not in (0, 96, 97, 98) and any(word in said for word in words) and before == b"kept"
        check(name, right, f"{code} {said}")

    def line(models, target):
        run = f'"{windows(BIN / "wuerst.exe")}" run "{windows(GRAPH)}" --models "{windows(models)}"'
        return f'{run} --set prompt=a -o "image={windows(target)}"'

    for name in ("read-only.npy", "locked.npy"):
        (work / name).write_bytes(b"kept")
    target = work / "read-only.npy"
    wine("attrib", "+R", target)
    code, said, _ = picture("", out=target)
    refused("a read-only file stays", target, ["denied", "read-only", "error 5"], code, said)
    wine("attrib", "-R", target)
    target = work / "locked.npy"
    code, said = wine(locks, target, line(ICONS, target))
    refused("a locked file stays", target, ["os error", "violation", "denied", "used by"], code, said)
    models = work / "locked models"
    shutil.copytree(ICONS, models)
    code, said = wine(locks, models / "prior.onnx", line(models, work / "no.npy"))
    right = code not in (0, 96, 97, 98) and "prior.onnx" in said and not (work / "no.npy").exists()
    check("a locked model is named", right, f"{code} {said}")
    left = [path.name for path in work.iterdir() if path.suffix == ".part"]
    check("no unfinished files are left", not left, str(left))


def interruption():
    """Ctrl-C, typed at a terminal, which wine makes a console of."""
    out = work / "stopped.npy"
    words = ["run", windows(GRAPH), "--models", windows(ICONS), "--set", "prompt=a", "--set", "steps=1000"]
    words += ["--set", "decoder_steps=1000", "-o", f"image={windows(out)}"]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("wine", ["wine", str(BIN / "wuerst.exe"), *words])
    begun, ended, said = time.monotonic(), None, b""
    typed = False
    while ended is None and time.monotonic() - begun < 60:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                said += os.read(terminal, 65536)
            except OSError:
                pass
        if not typed and time.monotonic() - begun > 6:
            os.write(terminal, b"\x03")
            typed = True
        pid, status = os.waitpid(child, os.WNOHANG)
        ended = os.waitstatus_to_exitcode(status) if pid else None
    took = time.monotonic() - begun
    if ended is None:
        os.kill(child, signal.SIGKILL)
    right = ended not in (None, 0) and took > 6 and not out.exists()
    check("Ctrl-C ends the command", right, f"{ended} after {took:.1f} s: {said!r}")


def runtimes(own):
    """An older onnxruntime.dll lies in the working folder, on the search path and in System32."""
    other, taken = compiled("tests/windows/other_runtime.c", "-shared"), work / "taken"
    places = [work / "here", work / "path", pathlib.Path(os.environ["HOME"], ".wine/drive_c/windows/system32")]
    for place in places:
        place.mkdir(exist_ok=True)
        shutil.copy(other, place / "onnxruntime.dll")
    more = {"TAKEN": windows(taken), "WINEPATH": windows(work / "path") + ";" + windows(BIN)}
    code, said, made = picture("runtime", cwd=work / "here", **more)
    check("another onnxruntime.dll is not taken by the command", code == 0 and made == own and not taken.exists(), said)
    host = compiled("crates/capi/examples/c/text_to_image.c", LIBRARY)
    for folder in ("models", "graphs"):
        (work / "here" / folder).mkdir(exist_ok=True)
    shutil.copytree(ICONS, work / "here/models/icons")
    shutil.copy(GRAPH, work / "here/graphs")
    code, said = wine(host, "a red apple", "apple.ppm", cwd=work / "here", **more)
    right = code == 0 and (work / "here/apple.ppm").exists() and not taken.exists()
    check("nor by a host in another folder than the library", right, said)
    check("nor when the library lacks its own", *lacking(host, taken, more))
    (places[2] / "onnxruntime.dll").unlink()


def lacking(host, taken, more):
    alone = work / "alone"
    alone.mkdir()
    shutil.copy(BIN / "wuerst.dll", alone)
    code, said = wine(host, "a red apple", "b.ppm", cwd=work / "here", **{**more, "WINEPATH": windows(alone)})
    return code != 0 and "onnxruntime.dll" in said and not taken.exists(), said


def programs():
    tiny = work / "tiny"
    for name, more in {
        "nulls": [], "misuse": [], "introspect": [], "seeds": [], "background": [], "images": [], "nodes": [],
        "callbacks": ["-Dalarm(s)=((void)0)"], "models": [],
    }.items():
        shutil.rmtree(tiny, ignore_errors=True)
        shutil.copytree(SOURCE / "tests/tiny", tiny)
        # As tests/tests/capi.rs has them.
        (tiny / "part.yaml").write_text(PART)
        (tiny / "words.txt").write_text("words")
        program = compiled(f"tests/c/{name}.c", *more, LIBRARY)
        arguments = {"images": [], "nodes": [tiny]}.get(name, [tiny, GRAPH])
        code, said = wine(program, *arguments, cwd=work)
        check(f"tests/c/{name}.c", code == 0, said)
    program = compiled("tests/c/wrapper.cpp", LIBRARY, compiler="g++")
    code, said = wine(program, SOURCE / "tests/tiny", GRAPH)
    check("tests/c/wrapper.cpp", code == 0, said)
    program = compiled("crates/capi/examples/c/preview_and_cancel.c", LIBRARY)
    code, said = wine(program, cwd=TREE / "share/wuerst")
    check("a run in the background is cancelled", code == 0, said)
    # An import library of MSVC: objects for its linker, by LLVM's.
    main = work / "msvc.c"
    main.write_text(
        '#include "wuerst.h"\n__declspec(dllimport) void ExitProcess(unsigned);\n'
        "void start(void) { ExitProcess(wst_abi_version() == WST_ABI_VERSION ? 42 : 1); }\n"
    )
    compiler = ["x86_64-w64-mingw32-gcc-posix", "-O1", f"-I{TREE}/include", "-c"]
    subprocess.run([*compiler, main, "-o", work / "msvc.obj"], check=True)
    kernel = pathlib.Path("/usr/x86_64-w64-mingw32/lib/libkernel32.a")
    linked = ["lld-link", "/entry:start", "/subsystem:console", "/nodefaultlib", f"/out:{work}/msvc.exe"]
    subprocess.run([*linked, work / "msvc.obj", TREE / "lib/wuerst.lib", kernel], check=True)
    code, said = wine(work / "msvc.exe")
    check("wuerst.lib serves a linker in the manner of MSVC", code == 42, f"{code} {said}")


def plugins(own):
    plugin = compiled("crates/capi/examples/c/plugin.c", "-shared")
    for file, kind in ((plugin, "acme.vqgan"), (BUILT / "wuerst_pooled.dll", "pooled")):
        code, said = wine(BIN / "wuerst.exe", "nodes", "--plugin", file)
        check(f"{file.name} is loaded", code == 0 and kind in said, said)
    host = compiled("tests/windows/frei0r_host.c")
    frame = work / "frame.rgb"
    code, said = wine(host, TREE / "lib/frei0r-1/wuerstchen.dll", "64", "a red apple", "7", frame)
    right = frame.exists() and frame.read_bytes() == own
    check("the frei0r generator makes the command's picture", code == 0 and right, said)
    host = compiled("tests/c/ofx_host.c", "-lm")
    (work / "picture.rgb").write_bytes(own)
    bundle = TREE / "lib/OFX/wuerst.ofx.bundle/Contents/Win64/wuerst.ofx"
    code, said = wine(host, bundle, work / "picture.rgb", "a red apple", "7", work / "frame.ppm")
    check("the OpenFX effects", code == 0 and "all good" in said, said)


def wheel():
    [file] = TREE.parent.glob("wuerst-*-win_amd64.whl")
    folder = work / "wheel"
    shutil.unpack_archive(file, folder, "zip")
    package = folder / "wuerst"
    words = ["run", "text-to-image", "--models", ICONS, *PROMPT, "-o", f"image={windows(work)}\\w.npy"]
    code, said = wine(package / "bin/wuerst.exe", *words)
    check("the command of the wheel", code == 0 and (work / "w.npy").exists(), said)
    check("its library has ONNX Runtime next to it", {"wuerst.dll", "onnxruntime.dll"} <= set(os.listdir(package / "lib")))


with tempfile.TemporaryDirectory() as folder:
    work = pathlib.Path(folder)
    begun = time.monotonic()
    apple = commands()
    paths(apple)
    refusals(compiled("tests/windows/locks.c"))
    interruption()
    programs()
    plugins(apple)
    runtimes(apple)
    wheel()
    print(f"windows: {len(failed)} failed, {time.monotonic() - begun:.0f} s")
sys.exit(len(failed))
