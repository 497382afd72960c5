//! Linker options of the shared library.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libwuerst.so.{major}");
    // A host's thread that used the library may end after dlclose; its destructors would run in unloaded code.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
