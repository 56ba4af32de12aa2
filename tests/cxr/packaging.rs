//! The recipes of packages and images: they are valid, and name the versions of `Cargo.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{is_installed, python_with};

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_recipe_uses_the_rust_version_that_cxr_needs() {
    let rust = concat!(env!("CARGO_PKG_RUST_VERSION"), ".");
    for (name, before) in [
        ("Dockerfile", "FROM rust:"),
        ("packaging/apptainer/cxr.def", "From: rust:"),
        (".github/workflows/release.yml", "rustup toolchain install "),
        (".github/workflows/ci.yml", "image: rust:"),
    ] {
        let text = read(name);
        let versions: Vec<&str> = text.split(before).skip(1).collect();
        assert!(!versions.is_empty(), "{name}");
        assert!(versions.iter().all(|version| version.starts_with(rust)), "{name}");
    }
}

#[test]
fn the_templates_name_the_version_of_the_package() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("packaging/homebrew/cxr.rb").contains(&format!("/v{version}.tar.gz\"")));
    let recipe = read("packaging/conda/recipe.yaml");
    assert!(recipe.contains(&format!("\n  version: \"{version}\"\n")));
}

#[test]
fn the_images_get_every_file_that_the_build_reads() {
    let ignored = read(".dockerignore");
    let definition = read("packaging/apptainer/cxr.def");
    let files = definition.split("%files\n").nth(1).unwrap();
    let copied: Vec<&str> =
        files.lines().map_while(|line| line.split_whitespace().next()).collect();
    let mut names: BTreeSet<String> =
        ["Cargo.toml", "Cargo.lock", "build.rs", "benches", "src"].map(str::to_owned).into();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    add_folders_of_included_files(&root.join("src"), &mut names);
    assert!(names.contains("checksums"), "{names:?}");
    // Only the unit tests include these.
    names.remove("tests");
    for name in &names {
        assert!(ignored.lines().any(|line| line == format!("!{name}")), "{name}");
        assert!(copied.contains(&name.as_str()), "{name}");
    }
}

/// Adds the folders beside `src/` from which the sources include files.
fn add_folders_of_included_files(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_folders_of_included_files(&path, names);
        } else {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let included = text.split("(\"../").skip(1).filter_map(|rest| rest.split('"').next());
            let beside = included.map(|path| path.trim_start_matches("../"));
            let folders = beside.filter_map(|path| path.split_once('/')).map(|(folder, _)| folder);
            names.extend(folders.filter(|name| root_has(name)).map(str::to_owned));
        }
    }
}

fn root_has(folder: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).is_dir()
}

#[test]
fn the_release_archives_are_where_binstall_looks() {
    let manifest = read("Cargo.toml");
    assert!(manifest.contains("/cxr-{ version }-{ target }{ archive-suffix }\""));
    assert!(manifest.contains("bin-dir = \"cxr-{ version }-{ target }/"));
    let script = read("packaging/release_archive.py");
    assert!(script.contains("name = f\"cxr-{version}-{target}\""));
    assert!(script.contains("f\"{name}.tar.gz\""));
}

#[test]
fn workflows_and_recipes_can_be_parsed() {
    if let Some(python) = python_with("yaml") {
        let read = "import sys, yaml; [yaml.safe_load(open(name)) for name in sys.argv[1:]]";
        let names = [
            ".github/workflows/ci.yml",
            ".github/workflows/release.yml",
            "packaging/conda/recipe.yaml",
        ];
        let mut parse = Command::new(python);
        parse.args(["-c", read]).args(names).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(parse.status().unwrap().success());
    }
    if is_installed("bash") {
        for name in [".ci/run", ".ci/wheel", "packaging/build_wheel"] {
            let mut parse = Command::new("bash");
            parse.args(["-n", name]).current_dir(env!("CARGO_MANIFEST_DIR"));
            assert!(parse.status().unwrap().success(), "{name}");
        }
    }
}
