//! The quickstart of the README works.

use std::{path::Path, process::Command};

use super::{PASSWORD, Place, Program, program};

fn readme(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// The script between the markers.
fn script(readme: &str) -> &str {
    let (_, rest) = readme.split_once("<!-- quickstart:begin -->").expect("the README has a quickstart");
    let (block, _) = rest.split_once("<!-- quickstart:end -->").expect("the quickstart ends");
    block
        .trim()
        .strip_prefix("```sh")
        .and_then(|block| block.strip_suffix("```"))
        .expect("the quickstart is one block of sh")
}

#[test]
fn the_readme_names_the_two_commands_and_is_one_in_both_languages() {
    let readmes = ["README.md", "README.ru.md"].map(readme);
    for readme in &readmes {
        assert!(readme.contains("cargo run --release") && readme.contains("cargo test --workspace"));
    }
    // comments and printed texts are translated, commands are not
    let commands = |readme: &str| {
        let lines = script(readme).lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("echo"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    if readmes[1].contains("<!-- quickstart:begin -->") {
        assert_eq!(commands(&readmes[0]).len(), commands(&readmes[1]).len());
    }
}

#[program]
async fn the_quickstart_runs_from_its_first_line_to_its_last_and_can_be_run_again(place: &Place) {
    if !has_programs() {
        // the README requires these programs; the tests do not
        return;
    }
    let server = place.serve_with_password(&[]).await;
    let readme = readme("README.md");
    for _ in 0..2 {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", script(&readme)]).current_dir(place.folder.path()).env_clear();
        bash.env("PATH", path())
            .env("BASE", server.base())
            .env("PASSWORD", PASSWORD)
            .env("LC_ALL", "C.UTF-8");
        let outcome = Program::start(bash, "").outcome().expect(0);
        assert_eq!(outcome.out.lines().last(), Some("done"), "{outcome:?}");
        assert_eq!(outcome.out.matches("\"status\":\"active\"").count(), 2, "{outcome:?}");
    }
    server.stop();
    place.run(&["verify"], &[]).expect(0);
}

#[program]
async fn the_quickstart_stops_and_says_why_when_the_sign_in_fails(place: &Place) {
    if !has_programs() {
        return;
    }
    let server = place.serve_with_password(&[]).await;
    let readme = readme("README.md");
    let run = |base: &str, password: Option<&str>| {
        let mut bash = Command::new("bash");
        // as pasted into a terminal, whose shell does not end at a failure by itself
        bash.args(["-c", script(&readme)]).current_dir(place.folder.path()).env_clear();
        bash.env("PATH", path()).env("BASE", base).env("LC_ALL", "C.UTF-8");
        if let Some(password) = password {
            bash.env("PASSWORD", password);
        }
        Program::start(bash, "").outcome()
    };
    for (base, password) in [(server.base(), "not the password"), ("http://127.0.0.1:1".to_owned(), PASSWORD)]
    {
        let outcome = run(&base, Some(password)).expect(1);
        assert_eq!(outcome.out, "Sign in\n", "{outcome:?}");
        assert!(outcome.err.contains("The sign-in failed. Does the server run"), "{outcome:?}");
    }
    let unset = run(&server.base(), None);
    assert!(!unset.status.success() && unset.out.is_empty(), "{unset:?}");
    assert!(unset.err.contains("PASSWORD: the password that the server printed"), "{unset:?}");
    assert_eq!(server.admin().await.get("/customers").await.expect(200)["count"], 0);
    server.stop();
}

/// Whether the programs that the script needs are installed.
fn has_programs() -> bool {
    ["bash", "curl"].iter().all(|program| {
        Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output()
            .is_ok_and(|found| found.status.success())
    })
}

/// The search path of the programs.
#[allow(clippy::disallowed_methods, reason = "tests read the environment directly")]
fn path() -> String {
    std::env::var("PATH").unwrap()
}
