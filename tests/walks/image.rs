//! `.dockerignore` includes everything that the container image is built from.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

#[test]
fn the_image_is_built_from_all_that_the_workspace_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let context = tempfile::tempdir().unwrap();
    let ignored = fs::read_to_string(root.join(".dockerignore")).unwrap();
    let mut let_through: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignored.lines().any(|line| line == "*"), "everything else is excluded");
    for name in &let_through {
        symlink(root.join(name), context.path().join(name)).unwrap();
    }
    let read = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let outcome = Command::new(env!("CARGO")).args(read).current_dir(&context).output().unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
    // patched crates, embedded files, and files copied into the image
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let folders = manifest.split("path = \"").skip(1).filter_map(|rest| rest.split(['/', '"']).next());
    let dockerfile = fs::read_to_string(root.join("Dockerfile")).unwrap();
    let copied = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.contains("--from"));
    let wanted = copied
        .flat_map(|line| line.split(' ').filter(|word| !word.starts_with(['/', '.'])))
        .chain(folders)
        .chain(["migrations", "Cargo.lock"]);
    let_through.sort_unstable();
    for name in wanted {
        assert!(let_through.binary_search(&name).is_ok(), "{name} is excluded");
    }
}
