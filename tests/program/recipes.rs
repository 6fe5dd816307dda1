//! Every recipe of the documentation runs.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::{PASSWORD, Place, Program, program};
use crate::harness::{Client, document};

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes.md")).unwrap()
}

/// A code block: its language, a word after that, and its text.
struct Block {
    language: String,
    word: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(kind) => {
                open = true;
                let (language, word) = kind.split_once(' ').unwrap_or((kind, ""));
                blocks.push(Block {
                    language: language.to_owned(),
                    word: word.to_owned(),
                    text: String::new(),
                });
            }
            None if open => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// Whether the API has what a block needs: a path, or a parameter of the list of contracts.
fn is_there(need: &str) -> bool {
    let paths = &document()["paths"];
    if need.starts_with('/') {
        return paths[format!("/api/v1{need}")].is_object();
    }
    let parameters = paths["/api/v1/contracts"]["get"]["parameters"].as_array().unwrap();
    parameters.iter().any(|parameter| parameter["name"] == need)
}

/// The search path of the programs.
#[allow(clippy::disallowed_methods, reason = "tests read the environment directly")]
fn path() -> String {
    std::env::var("PATH").unwrap()
}

/// A program in the folder of the server, with the variables that the recipes use.
fn command(place: &Place, name: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(name);
    command.current_dir(place.folder.path()).env_clear().env("PATH", path()).env("LC_ALL", "C.UTF-8");
    command.env("PYTHONIOENCODING", "utf-8").envs(variables.iter().copied());
    command
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes the Python programs of the recipes into the folder of the server; returns a script of all recipes.
fn written_out(place: &Place) -> String {
    let mut script = String::new();
    let (mut receiver, mut ran) = (None, 0);
    for block in blocks(&page()) {
        if let Some(need) = block.word.strip_prefix("needs=")
            && !is_there(need)
        {
            continue;
        }
        match (block.language.as_str(), block.word.as_str()) {
            // later blocks use the variables of earlier ones
            ("sh", _) => script.push_str(&format!("{}\n", block.text)),
            ("python", "receiver") => {
                std::fs::write(place.file("receiver.py"), &block.text).unwrap();
                receiver = Some(block.text);
            }
            ("python", _) => {
                let name = format!("recipe-{ran}.py");
                std::fs::write(place.file(&name), &block.text).unwrap();
                script.push_str(&format!("python3 {name}\n"));
            }
            (language, _) => assert_eq!(language, "js", "a block that nothing runs"),
        }
        ran += 1;
    }
    assert!(ran >= 6 && receiver.is_some(), "{ran}");
    script
}

/// Runs the receiver of the recipes, which takes the deliveries that are signed with its secret.
async fn the_receiver_takes_what_is_signed(place: &Place, base: &str, port: &str) {
    let secret = std::fs::read_to_string(place.file("webhook-secret")).unwrap();
    let taken = place.file("taken.txt");
    let mut python = command(place, "python3", &[("WEBHOOK_SECRET", secret.trim()), ("PORT", port)]);
    python.arg("receiver.py").stdout(std::fs::File::create(&taken).unwrap());
    let mut running = python.spawn().unwrap();
    let token = std::fs::read_to_string(place.file("token")).unwrap();
    let script = Client::new(base, Some(token.trim()));
    let mut told = String::new();
    for _ in 0..200 {
        script.post("/webhook-endpoints/1/test", Value::Object(Default::default())).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        told = std::fs::read_to_string(&taken).unwrap();
        if told.contains("webhook.test") {
            break;
        }
    }
    let forged = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{port}/hooks/crm"))
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", "1")
        .header("webhook-signature", "v1,AAAA")
        .body("{}")
        .send()
        .await;
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(told.contains("webhook.test"), "{told}");
    assert_eq!(forged.unwrap().status(), 401);
}

#[program]
async fn every_recipe_runs_from_the_first_to_the_last(place: &Place) {
    let runs = |program: &str| {
        Command::new(program).arg("--version").output().is_ok_and(|found| found.status.success())
    };
    if !["bash", "curl", "python3"].into_iter().all(runs) {
        // the recipes require these programs; the tests do not
        return;
    }
    let server = place.serve_with_password(&[("WEBHOOKS_ALLOW_PRIVATE", "true")]).await;
    let (base, port) = (server.base(), free_port().to_string());
    let script = written_out(place);
    let variables = [("BASE", base.as_str()), ("PASSWORD", PASSWORD), ("PORT", &port)];
    let mut bash = command(place, "bash", &variables);
    bash.args(["-euo", "pipefail", "-c", &script]);
    let outcome = Program::start(bash, "").outcome().expect(0);
    assert!(outcome.out.contains("subscriber 1"), "{outcome:?}");
    assert!(outcome.out.contains("No signal since morning."), "{outcome:?}");

    the_receiver_takes_what_is_signed(place, &base, &port).await;
    server.stop();
    place.run(&["verify"], &[]).expect(0);
}
