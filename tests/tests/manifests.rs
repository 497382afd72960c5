//! Manifests agree with each other and with the pages, and a published crate has all that crates.io and docs.rs want.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;
use wuerst_tests::built::root;

/// The crates of the workspace, as cargo reads their manifests.
fn crates() -> Result<Vec<Json>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = ["metadata", "-q", "--locked", "--offline", "--no-deps", "--format-version", "1"];
    let output = Command::new(cargo).args(args).current_dir(root()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut read: Json = serde_json::from_slice(&output.stdout)?;
    let Json::Array(crates) = read["packages"].take() else { anyhow::bail!("no crates") };
    Ok(crates)
}

fn name(of: &Json) -> &str {
    of["name"].as_str().unwrap_or_default()
}

#[test]
fn rust_version_agrees() -> Result<()> {
    let crates = crates()?;
    let version = crates[0]["rust_version"].as_str().context("a rust-version")?;
    for other in &crates {
        assert_eq!(other["rust_version"], version, "{}", name(other));
    }
    for page in ["README.md", "CONTRIBUTING.md", ".ci/run"] {
        let text = fs::read_to_string(root().join(page))?;
        assert!(
            text.contains(&format!("Rust {version} or later")),
            "{page} names another Rust than {version}"
        );
    }
    Ok(())
}

#[test]
fn published_crates_are_complete() -> Result<()> {
    let crates = crates()?;
    let published: Vec<&Json> = crates.iter().filter(|one| one["publish"].is_null()).collect();
    let names: Vec<&str> = published.iter().map(|one| name(one)).collect();
    for wanted in ["wuerst", "wuerst-cli", "wuerst-core"] {
        assert!(names.contains(&wanted), "{names:?}");
    }
    for one in published {
        let name = name(one);
        for field in ["license", "description", "readme"] {
            assert!(one[field].is_string(), "{name} has no {field}");
        }
        for field in ["keywords", "categories"] {
            assert!(one[field].as_array().is_some_and(|words| !words.is_empty()), "{name} has no {field}");
        }
        assert!(one["metadata"]["docs"]["rs"]["targets"].is_array(), "{name} says nothing to docs.rs");
        let manifest = Path::new(one["manifest_path"].as_str().context("a path")?);
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let own =
                fs::read(manifest.with_file_name(licence)).with_context(|| format!("{name}: {licence}"))?;
            assert!(own == fs::read(root().join(licence))?, "{name} has another {licence}");
        }
        for dependency in one["dependencies"].as_array().context("dependencies")? {
            let to = dependency["name"].as_str().unwrap_or_default();
            assert_ne!(dependency["req"], "*", "{name} names {to} without a version");
            let ours = crates.iter().find(|other| other["name"] == to);
            let hidden = ours.is_some_and(|other| !other["publish"].is_null());
            assert!(!hidden || dependency["kind"] == "dev", "{name} needs {to}, which is not published");
        }
    }
    Ok(())
}
