//! What each crate leaves alone: checked over the sources, because the compiler cannot.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

/// The Rust files below a folder, with their text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

#[test]
fn no_request_does_half_of_a_use_case() {
    let api = sources(&crates().join("api/src"));
    assert!(api.len() > 30, "the API has lost its sources");
    for (path, text) in api {
        for half in ["steps::", "ledger::"] {
            assert!(!text.contains(half), "{} calls {half}: call the use case that is whole", path.display());
        }
    }
}

#[test]
fn sql_stays_in_stores() {
    for folder in fs::read_dir(crates()).unwrap().map(|entry| entry.unwrap().path()) {
        for (path, text) in sources(&folder.join("src")) {
            let public = text.lines().find(|line| line.starts_with("pub use store::"));
            assert_eq!(public, None, "{} shows its store", path.display());
        }
    }
}

#[test]
fn the_kernel_has_no_input_and_output() {
    let manifest = fs::read_to_string(crates().join("kernel/Cargo.toml")).unwrap();
    for library in ["tokio", "reqwest", "actix-web", "object_store", "database", "rust-embed"] {
        assert!(!manifest.lines().any(|line| line.starts_with(library)), "the kernel depends on {library}");
    }
    for (path, text) in sources(&crates().join("kernel/src")) {
        for word in ["std::fs", "std::net", "std::env"] {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
    }
}
