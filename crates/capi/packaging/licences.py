"""The licences of the crates that these packages are made of, as one text:   licences.py PACKAGE...

Ends with an error when a crate states none that allows it to be passed on in binary form.
"""

import hashlib
import json
import pathlib
import re
import subprocess
import sys

# One of these must be among the choices that a crate leaves.
GOOD = {"MIT", "Apache-2.0", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib"}
GOOD |= {"Unlicense", "0BSD", "CC0-1.0"}
GOOD |= {"BSL-1.0", "Unicode-3.0", "Unicode-DFS-2016", "MIT-0", "CDLA-Permissive-2.0"}
TEXTS = re.compile(r"(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)


def allowed(expression):
    """Whether an SPDX expression (with the old `/` for OR) allows one of the licences above."""
    parts = expression.replace("/", " OR ").replace("(", " ").replace(")", " ")
    required = [part.split(" OR ") for part in parts.split(" AND ")]
    return all(any(word.split(" WITH ")[0].strip() in GOOD for word in choices) for choices in required)


def closure(metadata, names):
    """The packages from registries that end up in the programs of these."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    waiting = [id for id, package in packages.items() if package["name"] in names and package["source"] is None]
    seen = set(waiting)
    while waiting:
        for dep in nodes[waiting.pop()]["deps"]:
            linked = any(kind["kind"] is None for kind in dep["dep_kinds"])
            if linked and dep["pkg"] not in seen:
                seen.add(dep["pkg"])
                waiting.append(dep["pkg"])
    found = [packages[id] for id in seen if packages[id]["source"] is not None]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def texts(package):
    """The licence files of a package, of C libraries in it too."""
    root = pathlib.Path(package["manifest_path"]).parent
    for path in sorted(root.glob("*")) + sorted(root.glob("*/*")):
        if path.is_file() and TEXTS.search(path.name) and path.suffix not in (".rs", ".toml", ".py", ".c", ".h", ".sh"):
            yield path.read_text(encoding="utf-8", errors="replace").strip()


def main():
    host = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    target = re.search(r"host: (\S+)", host).group(1)
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    packages = closure(metadata, sys.argv[1:])
    if not packages:
        sys.exit(f"no packages of {', '.join(sys.argv[1:])}")
    users, contents, bad = {}, {}, []
    print("wuerst contains these packages from crates.io, under the licences that each states:\n")
    for package in packages:
        title = f"{package['name']} {package['version']}"
        licence = package["license"] or f"the licence in {package['license_file']}"
        if not allowed(package["license"] or ""):
            bad.append(f"{title}: {licence}")
        print(f"{title}: {licence}" + (f", {package['repository']}" if package["repository"] else ""))
        for text in texts(package):
            digest = hashlib.sha256(" ".join(text.split()).encode()).digest()
            contents.setdefault(digest, text)
            users.setdefault(digest, []).append(title)
    for digest, text in contents.items():
        print(f"\n{'-' * 100}\n{', '.join(dict.fromkeys(users[digest]))}\n{'-' * 100}\n\n{text}")
    if bad:
        sys.exit("not known to allow this use: " + "; ".join(bad))


if __name__ == "__main__":
    main()
